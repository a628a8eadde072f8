#include "operator/server/resource_reader.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::server {
namespace {

using kube::text_at;
using kube::value_at;
using nlohmann::json;

std::string label(const json& object, std::string_view name) {
    return text_at(object, {"metadata", "labels", name});
}

std::int64_t integer_in(std::string_view text) {
    std::int64_t value = -1;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool is_ready(const json& pod) {
    for (const json& condition : value_at(pod, {"status", "conditions"})) {
        if (text_at(condition, {"type"}) == "Ready") {
            return text_at(condition, {"status"}) == "True";
        }
    }
    return false;
}

// A container's last words are the end of its log. The last line says why it ended; a line of JSON says it in its "message".
std::string last_line(std::string_view log) {
    while (log.ends_with('\n')) {
        log.remove_suffix(1);
    }
    const std::string line(log.substr(log.rfind('\n') + 1));
    const Result<json> entry = kube::parse_json(line);
    return entry && entry->is_object() ? text_at(*entry, {"message"}) : line;
}

// How a container ended, in a few words.
std::string end_of(const json& terminated) {
    if (!terminated.is_object()) {
        return "";
    }
    const std::string message = last_line(text_at(terminated, {"message"}));
    if (!message.empty()) {
        return message;
    }
    const json& code = value_at(terminated, {"exitCode"});
    return fmt::format("{} (exit code {})", text_at(terminated, {"reason"}),
                       code.is_number_integer() ? code.get<std::int64_t>() : 0);
}

void read_container(const json& status, reconcile::PodView& view) {
    const json& restarts = value_at(status, {"restartCount"});
    view.restarts = restarts.is_number_integer() ? restarts.get<std::int64_t>() : 0;
    view.waiting_reason = text_at(status, {"state", "waiting", "reason"});
    const std::string ended = end_of(value_at(status, {"state", "terminated"}));
    const std::string ended_before = end_of(value_at(status, {"lastState", "terminated"}));
    const std::string waiting = text_at(status, {"state", "waiting", "message"});
    view.message = !ended.empty() ? ended : !ended_before.empty() ? ended_before : waiting;
    constexpr std::size_t kMessageMax = 400;  // status fields take 512 characters
    view.message.resize(std::min(view.message.size(), kMessageMax));
}

}  // namespace

template <class Resource>
Result<Resource> read_resource(const kube::JsonPtr& object) {
    const api::RawObject raw = TRY(api::parse_object(kube::to_text(*object)));
    Resource resource;
    resource.metadata = raw.metadata;
    for (const bool is_spec : {true, false}) {
        const Status read =
            api::read_fields(is_spec ? raw.spec : raw.status, [&](api::FieldVisitor& visitor) {
                is_spec ? describe(visitor, resource.spec) : describe(visitor, resource.status);
            });
        if (!read) {
            return fail(read.error().code, fmt::format("{} {}: {}", raw.kind, raw.metadata.name,
                                                       read.error().message));
        }
    }
    return resource;
}

template Result<api::CoordinatorEnsemble> read_resource(const kube::JsonPtr&);
template Result<api::KafkaCluster> read_resource(const kube::JsonPtr&);
template Result<api::BrokerPool> read_resource(const kube::JsonPtr&);
template Result<api::ClusterNode> read_resource(const kube::JsonPtr&);
template Result<api::KafkaTopic> read_resource(const kube::JsonPtr&);

reconcile::PodView read_pod(const json& pod) {
    reconcile::PodView view;
    view.name = text_at(pod, {"metadata", "name"});
    view.uid = text_at(pod, {"metadata", "uid"});
    view.role = label(pod, resources::kLabelRole) == name_of(resources::Role::broker)
                    ? resources::Role::broker
                    : resources::Role::coordinator;
    view.cluster = label(pod, resources::kLabelCluster);
    view.pool = label(pod, resources::kLabelPool);
    view.node_id = integer_in(label(pod, resources::kLabelNodeId));
    view.phase = text_at(pod, {"status", "phase"});
    view.ready = is_ready(pod);
    view.deleting = !text_at(pod, {"metadata", "deletionTimestamp"}).empty();
    view.ip = text_at(pod, {"status", "podIP"});
    view.settings_hash = text_at(pod, {"metadata", "annotations", resources::kAnnotationHash});
    const json& containers = value_at(pod, {"status", "containerStatuses"});
    if (containers.is_array() && !containers.empty()) {
        read_container(containers.front(), view);
    }
    return view;
}

}  // namespace millrace::kube_operator::server
