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
    // By when the byte at an offset was written, and the first byte that may have been written since a time.
    std::function<WallTime(std::uint64_t offset)> written_by;
    std::function<std::uint64_t(WallTime since)> first_since;
};

// At most the last 4 MiB are sent. Following looks at the file five times a second.
void send_log(runtime::Runtime& runtime, const LogStart& log, LogSource source,
              std::shared_ptr<runtime::HttpResponder> responder);

// Where the last `lines` lines of a text begin.
std::size_t tail_start(std::string_view text, std::int64_t lines);

// The last lines of a log, for status.…terminated.message: at most 2048 bytes and 80 lines, as a kubelet takes them. Empty when it
// cannot be read.
std::string last_words(runtime::FileSystem& files, const std::string& path);

// Puts the time of each line before it, as "kubectl logs --timestamps" shows them. A text may end within a line.
class LineStamper {
 public:
    explicit LineStamper(std::function<WallTime(std::uint64_t offset)> written_by)
        : x_written_by(std::move(written_by)) {}

    // The text begins at this offset of the log.
    std::string stamped(std::string_view text, std::uint64_t offset);

 private:
    std::function<WallTime(std::uint64_t offset)> x_written_by;
    bool x_within_line = false;
};

}  // namespace millrace::kube_operator::local
