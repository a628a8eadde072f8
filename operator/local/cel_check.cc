// Names, functions and fields of an expression, checked when a CustomResourceDefinition is applied.
#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/cel_syntax.h"

namespace millrace::kube_operator::local {
namespace {

using kube::value_at;
using Schema = const nlohmann::json*;  // null: the type is not known

const nlohmann::json& root_metadata() {
    static const nlohmann::json schema = {
        {"type", "object"},
        {"properties", {{"name", {{"type", "string"}}}, {"generateName", {{"type", "string"}}}}}};
    return schema;
}

const nlohmann::json& text_schema() {
    static const nlohmann::json schema = {{"type", "string"}};
    return schema;
}

class Checker {
 public:
    explicit Checker(const CelScope& scope) : x_scope(scope) {
        x_variables["self"] = scope.self;
        x_variables["oldSelf"] = scope.self;
    }

    Result<Schema> check(const CelNode& node) {
        switch (node.kind) {
            case CelKind::name:
                return name(node);
            case CelKind::field:
            case CelKind::present:
                return field(node);
            case CelKind::index:
                return index(node);
            case CelKind::macro:
                return macro(node);
            case CelKind::call:
            case CelKind::method:
                return call(node);
            case CelKind::conditional: {
                TRY(check(*node.children[0]));
                const Schema then = TRY(check(*node.children[1]));
                const Schema otherwise = TRY(check(*node.children[2]));
                return then == otherwise ? then : nullptr;
            }
            case CelKind::text:
                return &text_schema();
            case CelKind::null_literal:
            case CelKind::boolean:
            case CelKind::integer:
            case CelKind::real:
                return nullptr;
            case CelKind::unary:
            case CelKind::binary:
            case CelKind::list:
            case CelKind::map:
                break;
        }
        for (const CelNodePtr& child : node.children) {
            TRY(check(*child));
        }
        return nullptr;
    }

 private:
    static std::unexpected<Error> refuse(std::string message) {
        return fail(Errc::invalid_argument, std::move(message));
    }

    Result<Schema> name(const CelNode& node) {
        auto found = x_variables.find(node.text);
        if (found == x_variables.end()) {
            return refuse(fmt::format("undeclared reference to '{}'", node.text));
        }
        return found->second;
    }

    Result<Schema> field(const CelNode& node) {
        const Schema operand = TRY(check(*node.children[0]));
        if (operand == nullptr) {
            return nullptr;
        }
        const bool whole = operand == x_scope.self && x_scope.root;
        if (whole && node.text == "metadata") {
            return &root_metadata();
        }
        if (whole && (node.text == "kind" || node.text == "apiVersion")) {
            return &text_schema();
        }
        const std::string key = unescape_field(node.text);
        const nlohmann::json& declared = value_at(*operand, {"properties", key});
        if (declared.is_object()) {
            return &declared;
        }
        const nlohmann::json& others = value_at(*operand, {"additionalProperties"});
        if (others.is_object()) {
            return &others;
        }
        const bool open = operand->value("x-kubernetes-preserve-unknown-fields", false) ||
                          operand->value("x-kubernetes-int-or-string", false) ||
                          others == nlohmann::json(true);
        if (open) {
            return nullptr;
        }
        return refuse(fmt::format("undefined field '{}'", node.text));
    }

    Result<Schema> index(const CelNode& node) {
        const Schema operand = TRY(check(*node.children[0]));
        TRY(check(*node.children[1]));
        return element(operand, false);
    }

    // What indexing yields, or what a macro's variable stands for (the key when the range is a map).
    static Schema element(Schema of, bool keys) {
        if (of == nullptr) {
            return nullptr;
        }
        if (const nlohmann::json& items = value_at(*of, {"items"}); items.is_object()) {
            return &items;
        }
        const nlohmann::json& others = value_at(*of, {"additionalProperties"});
        if (others.is_object()) {
            return keys ? &text_schema() : &others;
        }
        return nullptr;
    }

    Result<Schema> macro(const CelNode& node) {
        const Schema range = TRY(check(*node.children[0]));
        const auto before = x_variables;
        x_variables[node.variable] = element(range, true);
        for (std::size_t i = 1; i < node.children.size(); ++i) {
            TRY(check(*node.children[i]));
        }
        x_variables = before;
        const bool same_items =
            node.text == "filter" && range != nullptr && range->contains("items");
        return same_items ? range : nullptr;
    }

    Result<Schema> call(const CelNode& node) {
        const bool method = node.kind == CelKind::method;
        if (!known_function(node.text, method, node.children.size() - (method ? 1 : 0))) {
            return refuse(
                fmt::format("undeclared reference to '{}': the function does not exist here or "
                            "takes other arguments",
                            node.text));
        }
        for (const CelNodePtr& child : node.children) {
            TRY(check(*child));
        }
        return nullptr;
    }

    CelScope x_scope;
    std::map<std::string, Schema> x_variables;
};

}  // namespace

Status check_cel(const CelNode& node, const CelScope& scope) {
    TRY(Checker(scope).check(node));
    return {};
}

}  // namespace millrace::kube_operator::local
