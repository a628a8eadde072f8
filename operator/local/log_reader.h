// The log of a container as an HTTP answer: the end of a file, and what is added to it while somebody follows.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/runtime/http_server.h"
#include "lib/runtime/runtime.h"
#include "operator/local/api_core.h"

namespace millrace::kube_operator::local {

struct LogSource {
    std::string path;
    std::function<bool()> growing;  // false once nobody will write to it any more
};

// At most the last 4 MiB are sent. Following looks at the file five times a second.
void send_log(runtime::Runtime& runtime, const LogStart& log, LogSource source,
              std::shared_ptr<runtime::HttpResponder> responder);

// Where the last `lines` lines of a text begin.
std::size_t tail_start(std::string_view text, std::int64_t lines);

}  // namespace millrace::kube_operator::local
