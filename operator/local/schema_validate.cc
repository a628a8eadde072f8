// One object against a structural schema. Messages follow those of a Kubernetes API server, so that users recognise them.
#include <re2/re2.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/schema_check.h"

namespace millrace::kube_operator::local {
namespace {

using kube::text_at;
using kube::value_at;

constexpr std::size_t kCausesMax = 100;

bool has_type(const nlohmann::json& value, std::string_view type) {
    if (type == "object") {
        return value.is_object();
    }
    if (type == "array") {
        return value.is_array();
    }
    if (type == "string") {
        return value.is_string();
    }
    if (type == "boolean") {
        return value.is_boolean();
    }
    if (type == "integer") {
        return value.is_number_integer() ||
               (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
    }
    return type == "number" && value.is_number();
}

// Code points, as the API counts lengths.
std::size_t length_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

class Validation {
 public:
    explicit Validation(Causes& causes) : x_causes(causes) {}

    void value(const nlohmann::json& schema, const nlohmann::json& value, const std::string& path) {
        if (x_causes.size() >= kCausesMax || !schema.is_object()) {
            return;
        }
        if (value.is_null() && kube::flag_at(schema, {"nullable"})) {
            return;
        }
        if (!type_fits(schema, value, path)) {
            return;
        }
        enumeration(schema, value, path);
        if (value.is_string()) {
            text(schema, value, path);
        } else if (value.is_number()) {
            number(schema, value, path);
        } else if (value.is_array()) {
            list(schema, value, path);
        } else if (value.is_object()) {
            object(schema, value, path);
        }
        combinations(schema, value, path);
    }

 private:
    bool type_fits(const nlohmann::json& schema, const nlohmann::json& value,
                   const std::string& path) {
        if (kube::flag_at(schema, {"x-kubernetes-int-or-string"})) {
            if (!value.is_string() && !value.is_number_integer()) {
                x_causes.push_back(wrong_type(path, value, "integer,string"));
                return false;
            }
            return true;
        }
        const std::string type = text_at(schema, {"type"});
        if (!type.empty() && !has_type(value, type)) {
            x_causes.push_back(wrong_type(path, value, type));
            return false;
        }
        return true;
    }

    void enumeration(const nlohmann::json& schema, const nlohmann::json& value,
                     const std::string& path) {
        const nlohmann::json& allowed = value_at(schema, {"enum"});
        if (!allowed.is_array() || std::ranges::find(allowed, value) != allowed.end()) {
            return;
        }
        std::vector<std::string> names;
        for (const nlohmann::json& one : allowed) {
            names.push_back(one.is_string() ? one.get<std::string>() : kube::to_text(one));
        }
        x_causes.push_back(unsupported_value(path, value, names));
    }

    void text(const nlohmann::json& schema, const nlohmann::json& value, const std::string& path) {
        const auto& content = value.get_ref<const std::string&>();
        const std::size_t length = length_of(content);
        if (const nlohmann::json& max = value_at(schema, {"maxLength"});
            max.is_number() && length > max.get<std::size_t>()) {
            x_causes.push_back(too_long(path, max.get<std::size_t>()));
        }
        if (const nlohmann::json& min = value_at(schema, {"minLength"});
            min.is_number() && length < min.get<std::size_t>()) {
            x_causes.push_back(
                invalid_value(path, value,
                              fmt::format("{} in body should be at least {} chars long", path,
                                          min.get<std::size_t>())));
        }
        if (const nlohmann::json& pattern = value_at(schema, {"pattern"}); pattern.is_string()) {
            const RE2 compiled(pattern.get<std::string>(), RE2::Quiet);
            if (compiled.ok() && !RE2::PartialMatch(content, compiled)) {
                x_causes.push_back(invalid_value(
                    path, value,
                    fmt::format("{} in body should match '{}'", path, pattern.get<std::string>())));
            }
        }
    }

    void number(const nlohmann::json& schema, const nlohmann::json& value,
                const std::string& path) {
        const double number = value.get<double>();
        const nlohmann::json& min = value_at(schema, {"minimum"});
        const nlohmann::json& max = value_at(schema, {"maximum"});
        if (min.is_number()) {
            const bool exclusive = kube::flag_at(schema, {"exclusiveMinimum"});
            if (number < min.get<double>() || (exclusive && number == min.get<double>())) {
                x_causes.push_back(invalid_value(
                    path, value,
                    fmt::format("{} in body should be greater than {}{}", path,
                                exclusive ? "" : "or equal to ", kube::to_text(min))));
            }
        }
        if (max.is_number()) {
            const bool exclusive = kube::flag_at(schema, {"exclusiveMaximum"});
            if (number > max.get<double>() || (exclusive && number == max.get<double>())) {
                x_causes.push_back(invalid_value(
                    path, value,
                    fmt::format("{} in body should be less than {}{}", path,
                                exclusive ? "" : "or equal to ", kube::to_text(max))));
            }
        }
        if (const nlohmann::json& step = value_at(schema, {"multipleOf"});
            step.is_number() && step.get<double>() > 0 &&
            std::fmod(number, step.get<double>()) != 0) {
            x_causes.push_back(invalid_value(
                path, value,
                fmt::format("{} in body should be a multiple of {}", path, kube::to_text(step))));
        }
    }

    void list(const nlohmann::json& schema, const nlohmann::json& value, const std::string& path) {
        if (const nlohmann::json& max = value_at(schema, {"maxItems"});
            max.is_number() && value.size() > max.get<std::size_t>()) {
            x_causes.push_back(too_many(path, value.size(), max.get<std::size_t>()));
        }
        if (const nlohmann::json& min = value_at(schema, {"minItems"});
            min.is_number() && value.size() < min.get<std::size_t>()) {
            x_causes.push_back(invalid_value(path, value.size(),
                                             fmt::format("{} in body should have at least {} items",
                                                         path, min.get<std::size_t>())));
        }
        const nlohmann::json& items = value_at(schema, {"items"});
        for (std::size_t i = 0; i < value.size(); ++i) {
            this->value(items, value[i], fmt::format("{}[{}]", path, i));
        }
        duplicates(schema, value, path);
    }

    void duplicates(const nlohmann::json& schema, const nlohmann::json& value,
                    const std::string& path) {
        const std::string list_type = text_at(schema, {"x-kubernetes-list-type"});
        if (list_type != "map" && list_type != "set") {
            return;
        }
        const nlohmann::json& keys = value_at(schema, {"x-kubernetes-list-map-keys"});
        std::set<nlohmann::json> seen;
        for (std::size_t i = 0; i < value.size(); ++i) {
            nlohmann::json key = value[i];
            if (list_type == "map") {
                key = nlohmann::json::object();
                for (const nlohmann::json& name : keys) {
                    const auto& word = name.get_ref<const std::string&>();
                    key[word] = value_at(value[i], {word});
                }
            }
            if (!seen.insert(key).second) {
                x_causes.push_back(duplicate_value(fmt::format("{}[{}]", path, i), key));
            }
        }
    }

    void object(const nlohmann::json& schema, const nlohmann::json& value,
                const std::string& path) {
        if (const nlohmann::json& required = value_at(schema, {"required"}); required.is_array()) {
            for (const nlohmann::json& name : required) {
                if (!value.contains(name.get_ref<const std::string&>())) {
                    x_causes.push_back(required_value(child_path(path, name.get<std::string>())));
                }
            }
        }
        if (const nlohmann::json& max = value_at(schema, {"maxProperties"});
            max.is_number() && value.size() > max.get<std::size_t>()) {
            x_causes.push_back(too_many(path, value.size(), max.get<std::size_t>()));
        }
        if (const nlohmann::json& min = value_at(schema, {"minProperties"});
            min.is_number() && value.size() < min.get<std::size_t>()) {
            x_causes.push_back(
                invalid_value(path, value.size(),
                              fmt::format("{} in body should have at least {} properties", path,
                                          min.get<std::size_t>())));
        }
        const nlohmann::json& properties = value_at(schema, {"properties"});
        const nlohmann::json& others = value_at(schema, {"additionalProperties"});
        for (const auto& [key, child] : value.items()) {
            const nlohmann::json& declared = value_at(properties, {key});
            this->value(declared.is_object() ? declared : others, child, child_path(path, key));
        }
    }

    bool fits(const nlohmann::json& schema, const nlohmann::json& value, const std::string& path) {
        Causes causes;
        Validation(causes).value(schema, value, path);
        return causes.empty();
    }

    void combinations(const nlohmann::json& schema, const nlohmann::json& value,
                      const std::string& path) {
        auto matching = [&](const nlohmann::json& branches) {
            return std::ranges::count_if(
                branches, [&](const nlohmann::json& one) { return fits(one, value, path); });
        };
        // With int-or-string the only branches are the two types, checked above.
        const nlohmann::json& any = value_at(schema, {"anyOf"});
        if (any.is_array() && !any.empty() && matching(any) == 0) {
            x_causes.push_back(invalid_value(
                path, value, path + " in body must validate at least one schema (anyOf)"));
        }
        const nlohmann::json& one = value_at(schema, {"oneOf"});
        if (one.is_array() && !one.empty() && matching(one) != 1) {
            x_causes.push_back(invalid_value(
                path, value, path + " in body must validate one and only one schema (oneOf)"));
        }
        if (const nlohmann::json& all = value_at(schema, {"allOf"}); all.is_array()) {
            for (const nlohmann::json& each : all) {
                this->value(each, value, path);
            }
        }
        if (const nlohmann::json& none = value_at(schema, {"not"});
            none.is_object() && fits(none, value, path)) {
            x_causes.push_back(
                invalid_value(path, value, path + " in body must not validate the schema (not)"));
        }
    }

    Causes& x_causes;
};

}  // namespace

void validate_value(const nlohmann::json& schema, const nlohmann::json& value,
                    const std::string& path, Causes& causes) {
    Validation(causes).value(schema, value, path);
}

}  // namespace millrace::kube_operator::local
