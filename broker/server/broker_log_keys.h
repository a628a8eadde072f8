// The configuration keys of logs, apart for their number.
#pragma once

#include <span>

#include "lib/base/config.h"

namespace millrace::broker::server {

std::span<const ConfigKey> log_keys();

}  // namespace millrace::broker::server
