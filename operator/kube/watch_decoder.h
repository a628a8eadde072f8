// Lines of a watch answer to events. Pure: knows nothing of connections. Each line is one JSON object {"type", "object"}.
#pragma once

#include <string>
#include <string_view>

#include "operator/kube/client.h"

namespace millrace::kube_operator::kube {

struct WatchEvent {
    WatchEventKind kind = WatchEventKind::added;
    JsonPtr object;
};

class WatchDecoder {
 public:
    // Errors are final: not_found when the server says 410 (its history does not reach back), busy for other Status objects,
    // malformed.
    Result<WatchEvent> take_line(std::string_view line);

    // The newest resource version seen in an event or a bookmark; empty before the first.
    const std::string& resource_version() const { return x_resource_version; }

 private:
    std::string x_resource_version;
};

}  // namespace millrace::kube_operator::kube
