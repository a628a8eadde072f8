// Bytes of a watch answer to events. Pure: knows nothing of connections. Each line is one JSON object {"type", "object"}.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/client.h"

namespace millrace::kube_operator::kube {

struct WatchEvent {
    WatchEventKind kind = WatchEventKind::added;
    JsonPtr object;
};

class WatchDecoder {
 public:
    // A line longer than line_bytes_max ends the watch with too_large.
    explicit WatchDecoder(std::size_t line_bytes_max = 4u << 20);

    // Takes what arrived and gives the events that are complete now. Errors are final: not_found when the server says 410
    // (history too old), busy for other Status objects, malformed, too_large.
    Result<std::vector<WatchEvent>> take(std::string_view bytes);

    // The newest resource version seen in an event or a bookmark; empty before the first.
    const std::string& resource_version() const { return x_resource_version; }

 private:
    Result<WatchEvent> decode_line(std::string_view line);

    std::size_t x_line_bytes_max;
    std::string x_pending;
    std::string x_resource_version;
};

}  // namespace millrace::kube_operator::kube
