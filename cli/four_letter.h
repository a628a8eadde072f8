// ZooKeeper's four-letter words: sent as they are, answered with text until the server closes.
#pragma once

#include <string>
#include <string_view>

#include "cli/event_runner.h"
#include "lib/base/result.h"

namespace millrace::cli {

// Errors: connection_lost, timed_out, too_large (more than 64 KiB).
Result<std::string> ask_four_letters(EventRunner& runner, const runtime::Endpoint& server,
                                     std::string_view word);

}  // namespace millrace::cli
