#include "operator/local/cel_evaluator.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;

std::optional<bool> truth_of(const CelValue& value) {
    const Json* json = json_of(value);
    return json != nullptr && json->is_boolean() ? std::optional(json->get<bool>()) : std::nullopt;
}

CelValue no_overload() {
    return cel_failure("no such overload");
}

// A member of a document, sharing its life.
CelValue part_of(const CelValue& whole, const Json& part) {
    return CelJson(std::get<CelJson>(whole), &part);
}

CelValue add(const CelValue& left, const CelValue& right) {
    const Json* a = json_of(left);
    const Json* b = json_of(right);
    if (a == nullptr || b == nullptr) {
        return no_overload();
    }
    if (a->is_string() && b->is_string()) {
        return cel_json(a->get<std::string>() + b->get<std::string>());
    }
    if (a->is_array() && b->is_array()) {
        Json joined = *a;
        joined.insert(joined.end(), b->begin(), b->end());
        return cel_json(std::move(joined));
    }
    return no_overload();
}

CelValue whole_numbers(char op, std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    bool overflow = false;
    switch (op) {
        case '+':
            overflow = __builtin_add_overflow(a, b, &out);
            break;
        case '-':
            overflow = __builtin_sub_overflow(a, b, &out);
            break;
        case '*':
            overflow = __builtin_mul_overflow(a, b, &out);
            break;
        case '/':
        case '%':
            if (b == 0) {
                return cel_failure(op == '/' ? "division by zero" : "modulus by zero");
            }
            overflow = b == -1 && a == std::numeric_limits<std::int64_t>::min();
            out = overflow ? 0 : op == '/' ? a / b : a % b;
            break;
        default:
            return no_overload();
    }
    return overflow ? cel_failure("integer overflow") : cel_json(Json(out));
}

CelValue arithmetic(char op, const CelValue& left, const CelValue& right) {
    const Json* a = json_of(left);
    const Json* b = json_of(right);
    if (a == nullptr || b == nullptr || !a->is_number() || !b->is_number()) {
        return op == '+' ? add(left, right) : no_overload();
    }
    if (a->is_number_integer() && b->is_number_integer()) {
        return whole_numbers(op, a->get<std::int64_t>(), b->get<std::int64_t>());
    }
    const double x = a->get<double>();
    const double y = b->get<double>();
    switch (op) {
        case '+':
            return cel_json(Json(x + y));
        case '-':
            return cel_json(Json(x - y));
        case '*':
            return cel_json(Json(x * y));
        case '/':
            return cel_json(Json(x / y));
        default:
            return no_overload();
    }
}

CelValue ordering(const std::string& op, const CelValue& left, const CelValue& right) {
    const std::optional<int> order = compare_cel(left, right);
    if (!order) {
        return no_overload();
    }
    const bool result = op == "<"    ? *order < 0
                        : op == "<=" ? *order <= 0
                        : op == ">"  ? *order > 0
                                     : *order >= 0;
    return cel_json(Json(result));
}

CelValue membership(const CelValue& left, const CelValue& right) {
    const Json* container = json_of(right);
    const Json* key = json_of(left);
    if (container == nullptr || key == nullptr || !container->is_structured()) {
        return no_overload();
    }
    if (container->is_object()) {
        return cel_json(Json(key->is_string() && container->contains(key->get<std::string>())));
    }
    return cel_json(Json(std::ranges::find(*container, *key) != container->end()));
}

constexpr std::size_t kBytesPerStep = 16;

// About the bytes that a copy of the value takes.
std::size_t weight_of(const Json& value) {
    if (value.is_string()) {
        return value.get_ref<const std::string&>().size();
    }
    std::size_t sum = kBytesPerStep;
    if (value.is_structured()) {
        for (const auto& [key, child] : value.items()) {
            sum += kBytesPerStep + key.size() + weight_of(child);
        }
    }
    return sum;
}

CelValue too_many_steps() {
    return cel_failure("the rule needs more steps than allowed");
}

const Json* find_field(const Json& object, const std::string& name) {
    if (!object.is_object()) {
        return nullptr;
    }
    auto found = object.find(unescape_field(name));
    return found == object.end() ? nullptr : &*found;
}

// The items of a list or the keys of a map.
std::optional<std::vector<CelValue>> range_of(const CelValue& value) {
    const Json* json = json_of(value);
    if (json == nullptr || !json->is_structured()) {
        return std::nullopt;
    }
    std::vector<CelValue> out;
    if (json->is_array()) {
        for (const Json& one : *json) {
            out.push_back(part_of(value, one));
        }
        return out;
    }
    for (const auto& [key, child] : json->items()) {
        out.push_back(cel_json(Json(key)));
    }
    return out;
}

}  // namespace

CelValue cel_json(nlohmann::json value) {
    return std::make_shared<const Json>(std::move(value));
}

const nlohmann::json* json_of(const CelValue& value) {
    const auto* json = std::get_if<CelJson>(&value);
    return json == nullptr ? nullptr : json->get();
}

std::optional<int> compare_cel(const CelValue& left, const CelValue& right) {
    auto order = [](const auto& a, const auto& b) { return a < b ? -1 : b < a ? 1 : 0; };
    if (left.index() != right.index()) {
        return std::nullopt;
    }
    if (const auto* a = std::get_if<Quantity>(&left)) {
        return order(*a, std::get<Quantity>(right));
    }
    if (const auto* a = std::get_if<Duration>(&left)) {
        return order(*a, std::get<Duration>(right));
    }
    const Json* a = json_of(left);
    const Json* b = json_of(right);
    if (a == nullptr || b == nullptr) {
        return std::nullopt;
    }
    if (a->is_number_integer() && b->is_number_integer()) {
        return order(a->get<std::int64_t>(), b->get<std::int64_t>());
    }
    const bool comparable = (a->is_number() && b->is_number()) ||
                            (a->is_string() && b->is_string()) ||
                            (a->is_boolean() && b->is_boolean());
    return comparable ? std::optional(order(*a, *b)) : std::nullopt;
}

bool equal_cel(const CelValue& left, const CelValue& right) {
    const Json* a = json_of(left);
    const Json* b = json_of(right);
    return a != nullptr && b != nullptr ? *a == *b : compare_cel(left, right) == std::optional(0);
}

CelValue CelEvaluator::evaluate(const CelNode& node) {
    if (x_steps_left == 0) {
        return too_many_steps();
    }
    --x_steps_left;
    switch (node.kind) {
        case CelKind::null_literal:
            return cel_json(Json());
        case CelKind::boolean:
            return cel_json(Json(node.flag));
        case CelKind::integer:
            return cel_json(Json(node.integer));
        case CelKind::real:
            return cel_json(Json(node.real));
        case CelKind::text:
            return cel_json(Json(node.text));
        case CelKind::name: {
            auto found = x_variables.find(node.text);
            return found == x_variables.end() ? cel_failure("no such attribute: " + node.text)
                                              : found->second;
        }
        case CelKind::field:
        case CelKind::present:
            return field(node);
        case CelKind::index:
            return index(node);
        case CelKind::unary:
            return unary(node);
        case CelKind::binary:
            return binary(node);
        case CelKind::conditional:
            return conditional(node);
        case CelKind::list:
            return list(node);
        case CelKind::map:
            return map(node);
        case CelKind::call:
        case CelKind::method:
            return call(node);
        case CelKind::macro:
            return macro(node);
    }
    return no_overload();
}

bool CelEvaluator::afford(const CelValue& value) {
    const Json* json = json_of(value);
    const std::size_t steps = json == nullptr ? 0 : weight_of(*json) / kBytesPerStep;
    x_steps_left -= std::min(steps, x_steps_left);
    return x_steps_left > 0;
}

CelValue CelEvaluator::field(const CelNode& node) {
    CelValue operand = evaluate(*node.children[0]);
    if (failed(operand)) {
        return operand;
    }
    const Json* object = json_of(operand);
    const Json* found = object == nullptr ? nullptr : find_field(*object, node.text);
    if (node.kind == CelKind::present) {
        return cel_json(Json(found != nullptr && !found->is_null()));
    }
    return found == nullptr ? cel_failure("no such key: " + node.text) : part_of(operand, *found);
}

CelValue CelEvaluator::index(const CelNode& node) {
    CelValue operand = evaluate(*node.children[0]);
    CelValue key = evaluate(*node.children[1]);
    if (failed(operand) || failed(key)) {
        return failed(operand) ? operand : key;
    }
    const Json* container = json_of(operand);
    const Json* at = json_of(key);
    if (container == nullptr || at == nullptr) {
        return no_overload();
    }
    if (container->is_array() && at->is_number_integer()) {
        const auto place = at->get<std::int64_t>();
        if (place < 0 || place >= static_cast<std::int64_t>(container->size())) {
            return cel_failure(fmt::format("index out of bounds: {}", place));
        }
        return part_of(operand, (*container)[static_cast<std::size_t>(place)]);
    }
    if (container->is_object() && at->is_string()) {
        auto found = container->find(at->get<std::string>());
        return found == container->end() ? cel_failure("no such key: " + at->get<std::string>())
                                         : part_of(operand, *found);
    }
    return no_overload();
}

CelValue CelEvaluator::unary(const CelNode& node) {
    CelValue operand = evaluate(*node.children[0]);
    if (failed(operand)) {
        return operand;
    }
    if (node.text == "!") {
        const std::optional<bool> truth = truth_of(operand);
        return truth ? cel_json(Json(!*truth)) : no_overload();
    }
    const Json* number = json_of(operand);
    if (number != nullptr && number->is_number_integer()) {
        return whole_numbers('-', 0, number->get<std::int64_t>());
    }
    return number != nullptr && number->is_number() ? cel_json(Json(-number->get<double>()))
                                                    : no_overload();
}

CelValue CelEvaluator::logical(const CelNode& node) {
    // The side that decides wins over a failure of the other one (CEL specification, "Logical operators").
    const bool deciding = node.text == "||";
    CelValue left = evaluate(*node.children[0]);
    if (truth_of(left) == std::optional(deciding)) {
        return left;
    }
    CelValue right = evaluate(*node.children[1]);
    if (truth_of(right) == std::optional(deciding)) {
        return right;
    }
    if (failed(left) || failed(right)) {
        return failed(left) ? left : right;
    }
    return truth_of(left) && truth_of(right) ? cel_json(Json(!deciding)) : no_overload();
}

CelValue CelEvaluator::binary(const CelNode& node) {
    if (node.text == "&&" || node.text == "||") {
        return logical(node);
    }
    CelValue left = evaluate(*node.children[0]);
    CelValue right = evaluate(*node.children[1]);
    if (failed(left) || failed(right)) {
        return failed(left) ? left : right;
    }
    if (!afford(left) || !afford(right)) {
        return too_many_steps();
    }
    if (node.text == "==" || node.text == "!=") {
        return cel_json(Json(equal_cel(left, right) == (node.text == "==")));
    }
    if (node.text == "in") {
        return membership(left, right);
    }
    if (node.text.starts_with('<') || node.text.starts_with('>')) {
        return ordering(node.text, left, right);
    }
    return arithmetic(node.text[0], left, right);
}

CelValue CelEvaluator::conditional(const CelNode& node) {
    CelValue condition = evaluate(*node.children[0]);
    if (failed(condition)) {
        return condition;
    }
    const std::optional<bool> truth = truth_of(condition);
    return truth ? evaluate(*node.children[*truth ? 1 : 2]) : no_overload();
}

CelValue CelEvaluator::list(const CelNode& node) {
    Json out = Json::array();
    for (const CelNodePtr& child : node.children) {
        CelValue item = evaluate(*child);
        if (json_of(item) == nullptr) {
            return failed(item) ? item : no_overload();
        }
        if (!afford(item)) {
            return too_many_steps();
        }
        out.push_back(*json_of(item));
    }
    return cel_json(std::move(out));
}

CelValue CelEvaluator::map(const CelNode& node) {
    Json out = Json::object();
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
        CelValue key = evaluate(*node.children[i]);
        CelValue value = evaluate(*node.children[i + 1]);
        if (json_of(key) == nullptr || json_of(value) == nullptr || !json_of(key)->is_string()) {
            return failed(key) ? key : failed(value) ? value : no_overload();
        }
        if (!afford(key) || !afford(value)) {
            return too_many_steps();
        }
        out[json_of(key)->get<std::string>()] = *json_of(value);
    }
    return cel_json(std::move(out));
}

CelValue CelEvaluator::call(const CelNode& node) {
    std::vector<CelValue> arguments;
    for (const CelNodePtr& child : node.children) {
        arguments.push_back(evaluate(*child));
        if (failed(arguments.back())) {
            return arguments.back();
        }
        if (!afford(arguments.back())) {
            return too_many_steps();
        }
    }
    return call_cel_function(node.text, arguments);
}

CelValue CelEvaluator::macro(const CelNode& node) {
    CelValue operand = evaluate(*node.children[0]);
    if (failed(operand)) {
        return operand;
    }
    const std::optional<std::vector<CelValue>> range = range_of(operand);
    if (!range) {
        return no_overload();
    }
    const auto before = x_variables.find(node.variable);
    const std::optional<CelValue> shadowed =
        before == x_variables.end() ? std::nullopt : std::optional(before->second);
    const bool builds = node.text == "map" || node.text == "filter";
    CelValue out = builds ? transform(node, *range) : quantifier(node, *range);
    if (shadowed) {
        x_variables[node.variable] = *shadowed;
    } else {
        x_variables.erase(node.variable);
    }
    return out;
}

CelValue CelEvaluator::quantifier(const CelNode& node, const std::vector<CelValue>& range) {
    std::size_t matching = 0;
    std::optional<CelValue> failure;
    for (const CelValue& item : range) {
        x_variables[node.variable] = item;
        CelValue result = evaluate(*node.children[1]);
        const std::optional<bool> truth = truth_of(result);
        if (!truth) {
            failure = failed(result) ? result : no_overload();
            continue;
        }
        if (node.text == "all" && !*truth) {
            return cel_json(Json(false));
        }
        if (node.text == "exists" && *truth) {
            return cel_json(Json(true));
        }
        matching += *truth ? 1 : 0;
    }
    if (failure) {
        return *failure;
    }
    return cel_json(Json(node.text == "all" || (node.text == "exists_one" && matching == 1)));
}

CelValue CelEvaluator::transform(const CelNode& node, const std::vector<CelValue>& range) {
    Json out = Json::array();
    const bool filtered = node.text == "filter" || node.children.size() == 3;
    for (const CelValue& item : range) {
        x_variables[node.variable] = item;
        if (filtered) {
            CelValue keep = evaluate(*node.children[1]);
            const std::optional<bool> truth = truth_of(keep);
            if (!truth) {
                return failed(keep) ? keep : no_overload();
            }
            if (!*truth) {
                continue;
            }
        }
        CelValue result = node.text == "filter" ? item : evaluate(*node.children.back());
        if (json_of(result) == nullptr) {
            return failed(result) ? result : no_overload();
        }
        if (!afford(result)) {
            return too_many_steps();
        }
        out.push_back(*json_of(result));
    }
    return cel_json(std::move(out));
}

}  // namespace millrace::kube_operator::local
