// Cells of the built-in kinds, as kubectl users know them.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/table.h"
#include "operator/local/wall_clock.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

constexpr const char* kNone = "<none>";

std::string or_none(std::string text) {
    return text.empty() ? kNone : text;
}

std::string plain(const Json& value) {
    return value.is_string() ? value.get<std::string>()
           : value.is_null() ? std::string()
                             : kube::to_text(value);
}

Json pod_ready(const Json& pod, WallTime) {
    std::size_t ready = 0;
    for (const Json& status : value_at(pod, {"status", "containerStatuses"})) {
        ready += value_at(status, {"ready"}) == Json(true) ? 1 : 0;
    }
    return fmt::format("{}/{}", ready, value_at(pod, {"spec", "containers"}).size());
}

Json pod_status(const Json& pod, WallTime) {
    std::string shown = text_at(pod, {"status", "reason"});
    shown = shown.empty() ? text_at(pod, {"status", "phase"}) : shown;
    bool running = false;
    for (const Json& status : value_at(pod, {"status", "containerStatuses"})) {
        const std::string waiting = text_at(status, {"state", "waiting", "reason"});
        const Json& ended = value_at(status, {"state", "terminated"});
        running = running || value_at(status, {"state", "running"}).is_object();
        if (!waiting.empty()) {
            shown = waiting;
        } else if (ended.is_object()) {
            const std::string reason = text_at(ended, {"reason"});
            shown = reason.empty() ? "ExitCode:" + plain(value_at(ended, {"exitCode"})) : reason;
        }
    }
    if (shown == "Completed" && running) {
        shown = "Running";
    }
    return value_at(pod, {"metadata", "deletionTimestamp"}).is_null() ? shown : "Terminating";
}

Json pod_restarts(const Json& pod, WallTime now) {
    std::int64_t restarts = 0;
    std::string last;
    for (const Json& status : value_at(pod, {"status", "containerStatuses"})) {
        restarts += kube::number_at(status, {"restartCount"});
        last = std::max(last, text_at(status, {"lastState", "terminated", "finishedAt"}));
    }
    return restarts == 0 || last.empty()
               ? std::to_string(restarts)
               : fmt::format("{} ({} ago)", restarts, age_since(last, now));
}

Json data_count(const Json& object, WallTime) {
    return value_at(object, {"data"}).size() + value_at(object, {"binaryData"}).size();
}

Json secrets_count(const Json& object, WallTime) {
    return value_at(object, {"secrets"}).size();
}

Json service_type(const Json& service, WallTime) {
    const std::string type = text_at(service, {"spec", "type"});
    return type.empty() ? "ClusterIP" : type;
}

Json cluster_ip(const Json& service, WallTime) {
    return or_none(text_at(service, {"spec", "clusterIP"}));
}

Json external_ip(const Json& service, WallTime) {
    std::vector<std::string> addresses;
    for (const Json& one : value_at(service, {"status", "loadBalancer", "ingress"})) {
        addresses.push_back(text_at(one, {"ip"}));
    }
    if (text_at(service, {"spec", "type"}) == "LoadBalancer" && addresses.empty()) {
        return "<pending>";
    }
    return or_none(fmt::format("{}", fmt::join(addresses, ",")));
}

Json service_ports(const Json& service, WallTime) {
    std::vector<std::string> ports;
    for (const Json& port : value_at(service, {"spec", "ports"})) {
        const std::string protocol = text_at(port, {"protocol"});
        const std::string node = plain(value_at(port, {"nodePort"}));
        ports.push_back(fmt::format("{}{}{}/{}", plain(value_at(port, {"port"})),
                                    node.empty() ? "" : ":", node,
                                    protocol.empty() ? "TCP" : protocol));
    }
    return or_none(fmt::format("{}", fmt::join(ports, ",")));
}

Json service_selector(const Json& service, WallTime) {
    std::vector<std::string> terms;
    for (const auto& [key, value] : value_at(service, {"spec", "selector"}).items()) {
        terms.push_back(key + "=" + plain(value));
    }
    return or_none(fmt::format("{}", fmt::join(terms, ",")));
}

Json access_modes(const Json& claim, WallTime) {
    std::vector<std::string> modes;
    for (const Json& mode : value_at(claim, {"spec", "accessModes"})) {
        const std::string text = plain(mode);
        modes.push_back(text == "ReadWriteOnce"      ? "RWO"
                        : text == "ReadOnlyMany"     ? "ROX"
                        : text == "ReadWriteMany"    ? "RWX"
                        : text == "ReadWriteOncePod" ? "RWOP"
                                                     : text);
    }
    return fmt::format("{}", fmt::join(modes, ","));
}

Json node_status(const Json& node, WallTime) {
    for (const Json& condition : value_at(node, {"status", "conditions"})) {
        if (text_at(condition, {"type"}) == "Ready") {
            const std::string ready =
                text_at(condition, {"status"}) == "True" ? "Ready" : "NotReady";
            return value_at(node, {"spec", "unschedulable"}) == Json(true)
                       ? ready + ",SchedulingDisabled"
                       : ready;
        }
    }
    return "Unknown";
}

Json node_roles(const Json& node, WallTime) {
    constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
    std::vector<std::string> roles;
    for (const auto& [key, value] : value_at(node, {"metadata", "labels"}).items()) {
        if (key.starts_with(kPrefix)) {
            roles.push_back(key.substr(kPrefix.size()));
        }
    }
    return or_none(fmt::format("{}", fmt::join(roles, ",")));
}

Json budget_value(const Json& budget, const char* field) {
    const Json& value = value_at(budget, {"spec", field});
    return value.is_null() ? "N/A" : plain(value);
}

std::string first_of(const Json& object, std::initializer_list<const char*> fields) {
    for (const char* field : fields) {
        if (const std::string text = text_at(object, {field}); !text.empty()) {
            return text;
        }
    }
    return text_at(object, {"metadata", "creationTimestamp"});
}

Json last_seen(const Json& event, WallTime now) {
    const std::string series = text_at(event, {"series", "lastObservedTime"});
    return age_since(series.empty() ? first_of(event, {"lastTimestamp", "eventTime"}) : series,
                     now);
}

Json event_object(const Json& event, WallTime) {
    std::string kind = text_at(event, {"involvedObject", "kind"});
    for (char& c : kind) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    return kind + "/" + text_at(event, {"involvedObject", "name"});
}

using Cell = Json (*)(const Json&, WallTime);

const std::map<std::string, Cell, std::less<>>& cells() {
    static const std::map<std::string, Cell, std::less<>> table = {
        {"@age",
         [](const Json& o, WallTime now) {
             return Json(age_since(text_at(o, {"metadata", "creationTimestamp"}), now));
         }},
        {"@data", data_count},
        {"@secrets", secrets_count},
        {"@pod-ready", pod_ready},
        {"@pod-status", pod_status},
        {"@pod-restarts", pod_restarts},
        {"@service-type", service_type},
        {"@cluster-ip", cluster_ip},
        {"@external-ip", external_ip},
        {"@service-ports", service_ports},
        {"@service-selector", service_selector},
        {"@access-modes", access_modes},
        {"@node-status", node_status},
        {"@node-roles", node_roles},
        {"@pdb-min", [](const Json& o, WallTime) { return budget_value(o, "minAvailable"); }},
        {"@pdb-max", [](const Json& o, WallTime) { return budget_value(o, "maxUnavailable"); }},
        {"@pdb-allowed",
         [](const Json& o, WallTime) {
             const Json& allowed = value_at(o, {"status", "disruptionsAllowed"});
             return allowed.is_null() ? Json(0) : allowed;
         }},
        {"@last-seen", last_seen},
        {"@first-seen",
         [](const Json& o, WallTime now) {
             return Json(age_since(first_of(o, {"firstTimestamp", "eventTime"}), now));
         }},
        {"@event-object", event_object},
        {"@event-source",
         [](const Json& o, WallTime) {
             const std::string source = text_at(o, {"source", "component"});
             return Json(source.empty() ? text_at(o, {"reportingComponent"}) : source);
         }},
        {"@event-count",
         [](const Json& o, WallTime) {
             const Json& count = value_at(o, {"count"});
             return count.is_number() ? count : Json(1);
         }},
    };
    return table;
}

}  // namespace

nlohmann::json computed_cell(const std::string& what, const nlohmann::json& object, WallTime now) {
    auto found = cells().find(what);
    return found == cells().end() ? Json(nullptr) : found->second(object, now);
}

}  // namespace millrace::kube_operator::local
