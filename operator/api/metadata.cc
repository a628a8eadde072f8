#include "operator/api/metadata.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace millrace::kube_operator::api {
namespace {

using nlohmann::json;

std::string text_at(const json& object, std::string_view name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::map<std::string, std::string> texts_at(const json& object, std::string_view name) {
    std::map<std::string, std::string> texts;
    const auto found = object.find(name);
    if (found != object.end() && found->is_object()) {
        for (const auto& [key, value] : found->items()) {
            texts[key] = value.is_string() ? value.get<std::string>() : value.dump();
        }
    }
    return texts;
}

std::string object_at(const json& object, std::string_view name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_object() ? found->dump() : "{}";
}

Metadata parse_metadata(const json& from) {
    Metadata metadata;
    metadata.name = text_at(from, "name");
    metadata.namespace_name = text_at(from, "namespace");
    metadata.uid = text_at(from, "uid");
    metadata.resource_version = text_at(from, "resourceVersion");
    metadata.deletion_timestamp = text_at(from, "deletionTimestamp");
    metadata.labels = texts_at(from, "labels");
    metadata.annotations = texts_at(from, "annotations");
    if (const auto at = from.find("generation"); at != from.end() && at->is_number_integer()) {
        metadata.generation = at->get<std::int64_t>();
    }
    if (const auto at = from.find("finalizers"); at != from.end() && at->is_array()) {
        for (const json& item : *at) {
            metadata.finalizers.push_back(item.is_string() ? item.get<std::string>() : "");
        }
    }
    return metadata;
}

}  // namespace

void describe(FieldVisitor& visitor, std::vector<Condition>& conditions) {
    visitor.objects(
        "conditions", conditions,
        {.doc = "What is true of the resource now.", .items_max = 16, .map_keys = {"type"}},
        [](FieldVisitor& v, Condition& c) {
            v.text("type", c.type, {.doc = "Name of the condition.", .length_max = 64});
            v.text("status", c.status,
                   {.doc = "Whether it holds.", .allowed = {"True", "False", "Unknown"}});
            v.text("reason", c.reason, {.doc = "One word for programs.", .length_max = 256});
            v.text("message", c.message, {.doc = "A sentence for people.", .length_max = 4096});
            v.text("lastTransitionTime", c.last_transition_time,
                   {.doc = "When the status changed last.", .date_time = true});
            v.integer("observedGeneration", c.observed_generation,
                      {.doc = "The generation of the spec this was concluded from."});
        });
}

void set_condition(std::vector<Condition>& conditions, Condition condition) {
    const auto same = std::ranges::find(conditions, condition.type, &Condition::type);
    if (same == conditions.end()) {
        conditions.push_back(std::move(condition));
        return;
    }
    if (same->status == condition.status) {
        condition.last_transition_time = same->last_transition_time;
    }
    *same = std::move(condition);
}

const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
    const auto found = std::ranges::find(conditions, type, &Condition::type);
    return found == conditions.end() ? nullptr : &*found;
}

Result<RawObject> parse_object(std::string_view text) {
    const json object = json::parse(text, nullptr, false);
    if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object()) {
        return fail(Errc::malformed, "not an object with metadata");
    }
    return RawObject{.kind = text_at(object, "kind"),
                     .metadata = parse_metadata(object["metadata"]),
                     .spec = object_at(object, "spec"),
                     .status = object_at(object, "status")};
}

}  // namespace millrace::kube_operator::api
