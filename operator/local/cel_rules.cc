#include "operator/local/cel_rules.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/cel_evaluator.h"
#include "operator/local/schema_check.h"

namespace millrace::kube_operator::local {

using kube::JsonPtr;
using kube::text_at;
using kube::value_at;

// A value, what it was before, and where it stands.
struct CelRules::Place {
    JsonPtr value;
    JsonPtr old;  // null: none
    std::string path;

    Place child(const nlohmann::json& part, const nlohmann::json* before, std::string where) const {
        return {JsonPtr(value, &part), before == nullptr ? nullptr : JsonPtr(old, before),
                std::move(where)};
    }
};

Result<CelRules::Rule> CelRules::compile_rule(const nlohmann::json& declared,
                                              const CelScope& scope) {
    Rule rule;
    rule.source = text_at(declared, {"rule"});
    rule.message = text_at(declared, {"message"});
    rule.reason = text_at(declared, {"reason"});
    rule.field_path = text_at(declared, {"fieldPath"});
    auto in_rule = [](const std::string& source, const Error& error) {
        return fail(Errc::invalid_argument, fmt::format("rule '{}': {}", source, error.message));
    };
    if (kube::flag_at(declared, {"optionalOldSelf"})) {
        return fail(Errc::invalid_argument,
                    fmt::format("rule '{}': optionalOldSelf is not offered", rule.source));
    }
    Result<CelNodePtr> condition = parse_cel(rule.source);
    if (!condition) {
        return in_rule(rule.source, condition.error());
    }
    if (Status checked = check_cel(**condition, scope); !checked) {
        return in_rule(rule.source, checked.error());
    }
    rule.condition = std::move(*condition);
    rule.transition = mentions(*rule.condition, "oldSelf");
    if (const std::string text = text_at(declared, {"messageExpression"}); !text.empty()) {
        Result<CelNodePtr> expression = parse_cel(text);
        if (!expression) {
            return in_rule(text, expression.error());
        }
        if (Status checked = check_cel(**expression, scope); !checked) {
            return in_rule(text, checked.error());
        }
        rule.message_expression = std::move(*expression);
    }
    return rule;
}

Result<std::unique_ptr<CelRules::Level>> CelRules::compile_level(const nlohmann::json& schema,
                                                                 bool root) {
    auto level = std::make_unique<Level>();
    bool any = false;
    if (const nlohmann::json& rules = value_at(schema, {"x-kubernetes-validations"});
        rules.is_array()) {
        for (const nlohmann::json& declared : rules) {
            level->rules.push_back(TRY(compile_rule(declared, CelScope{&schema, root})));
            any = true;
        }
    }
    if (const nlohmann::json& properties = value_at(schema, {"properties"});
        properties.is_object()) {
        for (const auto& [key, child] : properties.items()) {
            if (std::unique_ptr<Level> below = TRY(compile_level(child, false))) {
                level->properties[key] = std::move(below);
                any = true;
            }
        }
    }
    if (const nlohmann::json& items = value_at(schema, {"items"}); items.is_object()) {
        level->items = TRY(compile_level(items, false));
        any = any || level->items;
    }
    if (const nlohmann::json& others = value_at(schema, {"additionalProperties"});
        others.is_object()) {
        level->others = TRY(compile_level(others, false));
        any = any || level->others;
    }
    return any ? std::move(level) : nullptr;
}

Result<CelRules> CelRules::compile(const nlohmann::json& schema) {
    CelRules out;
    out.x_root = TRY(compile_level(schema, true));
    return out;
}

void CelRules::run_rules(const Level& level, const Place& place, Causes& causes) {
    for (const Rule& rule : level.rules) {
        if (rule.transition && !place.old) {
            continue;
        }
        CelEvaluator evaluator;
        evaluator.bind("self", place.value);
        if (place.old) {
            evaluator.bind("oldSelf", place.old);
        }
        const CelValue result = evaluator.evaluate(*rule.condition);
        const nlohmann::json* truth = json_of(result);
        if (truth != nullptr && *truth == nlohmann::json(true)) {
            continue;
        }
        std::string message = rule.message.empty() ? "failed rule: " + rule.source : rule.message;
        if (const auto* failure = std::get_if<CelFailure>(&result)) {
            message =
                fmt::format("rule '{}' could not be evaluated: {}", rule.source, failure->message);
        } else if (rule.message_expression) {
            const CelValue text = evaluator.evaluate(*rule.message_expression);
            const nlohmann::json* json = json_of(text);
            message = json != nullptr && json->is_string() ? json->get<std::string>() : message;
        }
        const nlohmann::json shown =
            place.value->is_structured() ? nlohmann::json(place.value->type_name()) : *place.value;
        Cause cause = invalid_value(place.path + rule.field_path, shown, message);
        cause.reason = rule.reason.empty() ? cause.reason : rule.reason;
        if (rule.reason == "FieldValueForbidden") {
            cause.message = "Forbidden: " + message;
        } else if (rule.reason == "FieldValueRequired") {
            cause.message = "Required value: " + message;
        }
        if (cause.field.empty()) {
            cause.field = "<nil>";
        }
        causes.push_back(std::move(cause));
    }
}

void CelRules::run_items(const Level& level, const nlohmann::json& schema, const Place& place,
                         Causes& causes) {
    const nlohmann::json& keys = value_at(schema, {"x-kubernetes-list-map-keys"});
    const bool correlated = place.old && place.old->is_array() && keys.is_array() &&
                            text_at(schema, {"x-kubernetes-list-type"}) == "map";
    auto same_item = [&keys](const nlohmann::json& a, const nlohmann::json& b) {
        return std::ranges::all_of(keys, [&](const nlohmann::json& key) {
            const auto& word = key.get_ref<const std::string&>();
            return value_at(a, {word}) == value_at(b, {word});
        });
    };
    for (std::size_t i = 0; i < place.value->size(); ++i) {
        const nlohmann::json& item = (*place.value)[i];
        const nlohmann::json* before = nullptr;
        if (correlated) {
            auto found = std::ranges::find_if(
                *place.old, [&](const auto& one) { return same_item(one, item); });
            before = found == place.old->end() ? nullptr : &*found;
        }
        run_level(*level.items, value_at(schema, {"items"}),
                  place.child(item, before, fmt::format("{}[{}]", place.path, i)), causes);
    }
}

void CelRules::run_level(const Level& level, const nlohmann::json& schema, const Place& place,
                         Causes& causes) {
    if (place.value->is_null()) {
        return;
    }
    run_rules(level, place, causes);
    if (place.value->is_array() && level.items) {
        run_items(level, schema, place, causes);
    }
    if (!place.value->is_object()) {
        return;
    }
    for (const auto& [key, child] : place.value->items()) {
        auto declared = level.properties.find(key);
        const Level* below =
            declared != level.properties.end() ? declared->second.get() : level.others.get();
        if (below == nullptr) {
            continue;
        }
        const nlohmann::json* before =
            place.old && place.old->is_object() && place.old->contains(key) ? &(*place.old)[key]
                                                                            : nullptr;
        const nlohmann::json& child_schema = declared != level.properties.end()
                                                 ? value_at(schema, {"properties", key})
                                                 : value_at(schema, {"additionalProperties"});
        run_level(*below, child_schema, place.child(child, before, child_path(place.path, key)),
                  causes);
    }
}

void CelRules::evaluate(const nlohmann::json& schema, const kube::JsonPtr& object,
                        const kube::JsonPtr& old, Causes& causes) const {
    if (x_root) {
        run_level(*x_root, schema, Place{object, old, ""}, causes);
    }
}

}  // namespace millrace::kube_operator::local
