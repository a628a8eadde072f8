// What one pass is about: a resource by kind and name, and its text form as the work queue keeps it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "operator/kube/client.h"

namespace millrace::kube_operator::server {

enum class Subject { ensemble, cluster, topic };
std::string_view name_of(Subject subject);
// The kind of the resource a pass is about.
std::string_view kind_of(Subject subject);

struct WorkKey {
    Subject subject{};
    kube::ObjectName name;

    bool operator==(const WorkKey&) const = default;
    // "cluster/namespace/name".
    std::string to_string() const;
    static std::optional<WorkKey> parse(std::string_view text);
};

}  // namespace millrace::kube_operator::server
