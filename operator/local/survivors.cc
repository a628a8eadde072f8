#include "operator/local/survivors.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {

using Json = nlohmann::json;
using kube::number_at;
using kube::text_at;

std::string to_text(const ContainerMark& mark) {
    return kube::to_text(Json{{"directory", mark.directory},
                              {"uid", mark.uid},
                              {"container", mark.container},
                              {"restarts", mark.restarts},
                              {"started", mark.started.millis}});
}

std::optional<ContainerMark> read_container_mark(const std::string& text) {
    const Result<Json> json = kube::parse_json(text);
    if (!json || !json->is_object()) {
        return std::nullopt;
    }
    ContainerMark mark;
    mark.directory = text_at(*json, {"directory"});
    mark.uid = text_at(*json, {"uid"});
    mark.container = text_at(*json, {"container"});
    mark.restarts = static_cast<int>(number_at(*json, {"restarts"}));
    mark.started = WallTime{number_at(*json, {"started"})};
    return mark.uid.empty() || mark.container.empty() ? std::nullopt : std::optional(mark);
}

Survivors find_survivors(const runtime::ProcessRunner& processes, const std::string& directory) {
    Survivors survivors;
    for (const runtime::MarkedProcess& one : processes.find_marked(kContainerMark)) {
        std::optional<ContainerMark> mark = read_container_mark(one.value);
        if (mark && mark->directory == directory) {
            std::pair key(mark->uid, mark->container);
            survivors.emplace(std::move(key), Survivor{one.process, *std::move(mark)});
        }
    }
    return survivors;
}

}  // namespace millrace::kube_operator::local
