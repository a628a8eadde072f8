#include "operator/api/schema_writer.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::api {

using nlohmann::json;

// Object schemas that are open, innermost last. A list opens the schema of its items.
struct SchemaWriter::State {
    std::vector<json*> open;
    json root = {{"type", "object"}, {"properties", json::object()}};

    State() { open.push_back(&root); }

    json& add(std::string_view name, json schema, bool required) {
        json& object = *open.back();
        if (required) {
            object["required"].push_back(name);
        }
        json& slot = object["properties"][std::string(name)];
        slot = std::move(schema);
        return slot;
    }
};

namespace {

void add_rules(json& schema, std::span<const Rule> rules) {
    for (const Rule& rule : rules) {
        schema["x-kubernetes-validations"].push_back(
            {{"rule", rule.cel}, {"message", rule.message}});
    }
}

json integer_schema(const IntegerField& field) {
    json schema = {{"type", "integer"}, {"format", "int64"}, {"description", field.doc}};
    if (field.min > INT32_MIN) {
        schema["minimum"] = field.min;
    }
    if (field.max < INT32_MAX) {
        schema["maximum"] = field.max;
    }
    if (field.default_value) {
        schema["default"] = *field.default_value;
    }
    return schema;
}

}  // namespace

SchemaWriter::SchemaWriter() : x_state(std::make_unique<State>()) {}
SchemaWriter::~SchemaWriter() = default;

std::string SchemaWriter::schema(std::string_view doc, std::span<const Rule> rules) const {
    json schema = x_state->root;
    schema["description"] = doc;
    add_rules(schema, rules);
    return schema.dump();
}

void SchemaWriter::text(std::string_view name, std::string&, const TextField& field) {
    json schema = {{"type", "string"}, {"description", field.doc}, {"maxLength", field.length_max}};
    if (field.default_value) {
        schema["default"] = *field.default_value;
    }
    if (!field.pattern.empty()) {
        schema["pattern"] = field.pattern;
    }
    if (!field.allowed.empty()) {
        schema["enum"] = field.allowed;
    }
    if (field.date_time) {
        schema["format"] = "date-time";
    }
    x_state->add(name, std::move(schema), field.required);
}

void SchemaWriter::integer(std::string_view name, std::optional<std::int64_t>&,
                           const IntegerField& field) {
    x_state->add(name, integer_schema(field), field.required);
}

void SchemaWriter::integer(std::string_view name, std::int64_t&, const IntegerField& field) {
    x_state->add(name, integer_schema(field), field.required);
}

void SchemaWriter::boolean(std::string_view name, bool&, std::string_view doc, bool default_value) {
    json schema = {{"type", "boolean"}, {"description", doc}};
    if (default_value) {
        schema["default"] = true;
    }
    x_state->add(name, std::move(schema), false);
}

void SchemaWriter::text_map(std::string_view name, std::map<std::string, std::string>&,
                            const MapField& field) {
    x_state->add(
        name,
        {{"type", "object"},
         {"description", field.doc},
         {"maxProperties", field.entries_max},
         {"additionalProperties", {{"type", "string"}, {"maxLength", field.value_length_max}}}},
        false);
}

void SchemaWriter::integer_list(std::string_view name, std::vector<std::int64_t>&,
                                const ListField& field) {
    x_state->add(name,
                 {{"type", "array"},
                  {"description", field.doc},
                  {"maxItems", field.items_max},
                  {"items", {{"type", "integer"}, {"format", "int64"}}}},
                 false);
}

void SchemaWriter::passthrough(std::string_view name, std::string&, std::string_view doc) {
    x_state->add(
        name,
        {{"type", "object"}, {"description", doc}, {"x-kubernetes-preserve-unknown-fields", true}},
        false);
}

bool SchemaWriter::begin_object(std::string_view name, const ObjectField& field) {
    json schema = {{"type", "object"}, {"description", field.doc}, {"properties", json::object()}};
    if (field.present) {
        schema["default"] = json::object();
    }
    add_rules(schema, field.rules);
    x_state->open.push_back(&x_state->add(name, std::move(schema), field.required));
    return true;
}

void SchemaWriter::end_object() {
    json& schema = *x_state->open.back();
    // Kubernetes evaluates rules on a default as it is written, without the defaults of its fields.
    if (schema.contains("default")) {
        for (const auto& [name, property] : schema["properties"].items()) {
            if (property.contains("default")) {
                schema["default"][name] = property["default"];
            }
        }
    }
    x_state->open.pop_back();
}

std::size_t SchemaWriter::begin_list(std::string_view name, const ListField& field, std::size_t) {
    json schema = {{"type", "array"},
                   {"description", field.doc},
                   {"maxItems", field.items_max},
                   {"items", {{"type", "object"}, {"properties", json::object()}}}};
    if (!field.map_keys.empty()) {
        schema["x-kubernetes-list-type"] = "map";
        schema["x-kubernetes-list-map-keys"] = field.map_keys;
        schema["items"]["required"] = field.map_keys;
    }
    add_rules(schema, field.rules);
    x_state->open.push_back(&x_state->add(name, std::move(schema), false));
    return 1;
}

void SchemaWriter::begin_item(std::size_t) {
    x_state->open.push_back(&(*x_state->open.back())["items"]);
}

void SchemaWriter::end_list() {
    x_state->open.pop_back();
}

}  // namespace millrace::kube_operator::api
