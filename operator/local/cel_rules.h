// All x-kubernetes-validations of one schema, compiled once and held against objects. Pure.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "operator/kube/client.h"
#include "operator/local/api_error.h"
#include "operator/local/cel_syntax.h"

namespace millrace::kube_operator::local {

class CelRules {
 public:
    // Errors: invalid_argument, naming the rule and what is wrong with it.
    static Result<CelRules> compile(const nlohmann::json& schema);

    bool empty() const { return x_root == nullptr; }

    // old is null for a new object. Rules that mention oldSelf run only where an old value corresponds to the new one: below
    // properties and maps, and in lists of type map by their keys.
    void evaluate(const nlohmann::json& schema, const kube::JsonPtr& object,
                  const kube::JsonPtr& old, Causes& causes) const;

 private:
    struct Rule {
        std::string source;
        std::string message;
        std::string reason;
        std::string field_path;
        CelNodePtr condition;
        CelNodePtr message_expression;  // may be null
        bool transition = false;
    };
    struct Level {
        std::vector<Rule> rules;
        std::map<std::string, std::unique_ptr<Level>> properties;
        std::unique_ptr<Level> items;
        std::unique_ptr<Level> others;
    };
    struct Place;

    static Result<Rule> compile_rule(const nlohmann::json& declared, const CelScope& scope);
    static Result<std::unique_ptr<Level>> compile_level(const nlohmann::json& schema, bool root);
    static void run_rules(const Level& level, const Place& place, Causes& causes);
    static void run_level(const Level& level, const nlohmann::json& schema, const Place& place,
                          Causes& causes);
    static void run_items(const Level& level, const nlohmann::json& schema, const Place& place,
                          Causes& causes);

    std::shared_ptr<const Level> x_root;
};

}  // namespace millrace::kube_operator::local
