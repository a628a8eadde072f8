// The syntax tree of the CEL subset that rules of CustomResourceDefinitions use (Common Expression Language specification,
// Kubernetes docs "Validation rules"). Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::kube_operator::local {

enum class CelKind {
    null_literal,
    boolean,      // flag
    integer,      // integer
    real,         // real
    text,         // text
    name,         // text: self, oldSelf or a variable of a macro
    field,        // children: operand; text: the field
    present,      // has(operand.field): as field
    index,        // children: operand, key
    unary,        // text: ! or -; children: operand
    binary,       // text: the operator; children: left, right
    conditional,  // children: condition, then, otherwise
    list,         // children: items
    map,          // children: key, value, key, value, …
    call,         // text: function; children: arguments
    method,       // text: function; children: receiver, arguments
    macro,  // text: all, exists, exists_one, map, filter; variable; children: range, body[, transform]
};

struct CelNode {
    CelKind kind = CelKind::null_literal;
    std::string text;
    std::string variable;
    std::int64_t integer = 0;
    double real = 0;
    bool flag = false;
    std::vector<std::unique_ptr<CelNode>> children;
};
using CelNodePtr = std::unique_ptr<CelNode>;

// Errors: invalid_argument, with the position. Nesting is bounded to 60 levels and the text to 16 KiB.
Result<CelNodePtr> parse_cel(std::string_view text);

// What an expression may refer to.
struct CelScope {
    const nlohmann::json* self = nullptr;  // schema of self; null means that anything goes
    bool root = false;                     // self is a whole object: its metadata.name is visible
};

// Refuses what the evaluator does not offer and fields the schema does not declare. Errors: invalid_argument.
Status check_cel(const CelNode& node, const CelScope& scope);

// True when the expression mentions the variable.
bool mentions(const CelNode& node, std::string_view variable);

// True when the evaluator has the function; arguments counts the receiver's arguments only.
bool known_function(std::string_view name, bool method, std::size_t arguments);

// "__dash__" and its like, as rules must write keys that are no identifiers, to the key itself.
std::string unescape_field(std::string_view name);

}  // namespace millrace::kube_operator::local
