#include "operator/server/work_key.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::kube_operator::server {

std::string_view name_of(Subject subject) {
    switch (subject) {
        case Subject::ensemble:
            return "ensemble";
        case Subject::cluster:
            return "cluster";
        case Subject::topic:
            return "topic";
    }
    UNREACHABLE();
}

std::string_view kind_of(Subject subject) {
    switch (subject) {
        case Subject::ensemble:
            return "CoordinatorEnsemble";
        case Subject::cluster:
            return "KafkaCluster";
        case Subject::topic:
            return "KafkaTopic";
    }
    UNREACHABLE();
}

std::string WorkKey::to_string() const {
    return fmt::format("{}/{}/{}", name_of(subject), name.name_space, name.name);
}

std::optional<WorkKey> WorkKey::parse(std::string_view text) {
    const std::size_t first = text.find('/');
    const std::size_t second = text.find('/', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) {
        return std::nullopt;
    }
    for (const Subject subject : {Subject::ensemble, Subject::cluster, Subject::topic}) {
        if (text.substr(0, first) == server::name_of(subject)) {
            return WorkKey{subject,
                           {std::string(text.substr(first + 1, second - first - 1)),
                            std::string(text.substr(second + 1))}};
        }
    }
    return std::nullopt;
}

}  // namespace millrace::kube_operator::server
