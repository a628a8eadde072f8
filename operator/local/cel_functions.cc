// The functions of CEL and of its Kubernetes extensions that this server offers.
#include <re2/re2.h>

#include <nlohmann/json.hpp>

#include "operator/local/cel_syntax.h"
#include "operator/local/cel_value.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using Arguments = std::vector<CelValue>;
using Function = CelValue (*)(const Arguments&);

const std::string* text_of(const CelValue& value) {
    const Json* json = json_of(value);
    return json != nullptr && json->is_string() ? &json->get_ref<const std::string&>() : nullptr;
}

CelValue no_overload() {
    return cel_failure("no such overload");
}

// Bytes of a text that a function makes out of many copies of another; an object has no longer ones.
constexpr std::size_t kBuiltTextMax = 1 << 20;

CelValue too_long_text() {
    return cel_failure("the rule builds a text that is too long");
}

template <class Apply>
CelValue on_text(const Arguments& arguments, Apply apply) {
    const std::string* text = text_of(arguments[0]);
    return text == nullptr ? no_overload() : CelValue(cel_json(Json(apply(*text))));
}

template <class Apply>
CelValue on_texts(const Arguments& arguments, Apply apply) {
    const std::string* text = text_of(arguments[0]);
    const std::string* other = text_of(arguments[1]);
    return text == nullptr || other == nullptr ? no_overload()
                                               : CelValue(cel_json(Json(apply(*text, *other))));
}

std::size_t code_points(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

CelValue size_of(const Arguments& arguments) {
    const Json* value = json_of(arguments[0]);
    if (value == nullptr || (!value->is_string() && !value->is_structured())) {
        return no_overload();
    }
    const std::size_t size =
        value->is_string() ? code_points(value->get_ref<const std::string&>()) : value->size();
    return cel_json(Json(static_cast<std::int64_t>(size)));
}

CelValue matches(const Arguments& arguments) {
    const std::string* text = text_of(arguments[0]);
    const std::string* pattern = text_of(arguments[1]);
    if (text == nullptr || pattern == nullptr) {
        return no_overload();
    }
    const RE2 compiled(*pattern, RE2::Quiet);
    return compiled.ok() ? cel_json(Json(RE2::PartialMatch(*text, compiled)))
                         : cel_failure("error parsing regexp: " + compiled.error());
}

std::string mapped(std::string text, char first, char last, int shift) {
    for (char& c : text) {
        c = c >= first && c <= last ? static_cast<char>(c + shift) : c;
    }
    return text;
}

std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first == std::string::npos
               ? std::string()
               : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Json split(const std::string& text, const std::string& by) {
    Json parts = Json::array();
    std::size_t start = 0;
    if (by.empty()) {
        for (char c : text) {
            parts.push_back(std::string(1, c));
        }
        return parts;
    }
    for (std::size_t at = text.find(by); at != std::string::npos; at = text.find(by, start)) {
        parts.push_back(text.substr(start, at - start));
        start = at + by.size();
    }
    parts.push_back(text.substr(start));
    return parts;
}

CelValue replace(const Arguments& arguments) {
    const std::string* text = text_of(arguments[0]);
    const std::string* from = text_of(arguments[1]);
    const std::string* to = text_of(arguments[2]);
    if (text == nullptr || from == nullptr || to == nullptr || from->empty()) {
        return no_overload();
    }
    std::string out;
    std::size_t start = 0;
    for (std::size_t at = text->find(*from); at != std::string::npos;
         at = text->find(*from, start)) {
        out += text->substr(start, at - start) + *to;
        start = at + from->size();
        if (out.size() > kBuiltTextMax) {
            return too_long_text();
        }
    }
    return cel_json(Json(out + text->substr(start)));
}

CelValue substring(const Arguments& arguments) {
    const std::string* text = text_of(arguments[0]);
    const Json* first = json_of(arguments[1]);
    const Json* last = arguments.size() > 2 ? json_of(arguments[2]) : nullptr;
    if (text == nullptr || first == nullptr || !first->is_number_integer()) {
        return no_overload();
    }
    const auto from = first->get<std::int64_t>();
    const auto to = last != nullptr && last->is_number_integer()
                        ? last->get<std::int64_t>()
                        : static_cast<std::int64_t>(text->size());
    if (from < 0 || to < from || to > static_cast<std::int64_t>(text->size())) {
        return cel_failure("index out of range");
    }
    return cel_json(
        Json(text->substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from))));
}

CelValue index_of(const Arguments& arguments) {
    if (text_of(arguments[0]) != nullptr) {
        return on_texts(arguments, [](const std::string& text, const std::string& part) {
            const std::size_t at = text.find(part);
            return at == std::string::npos ? std::int64_t{-1} : static_cast<std::int64_t>(at);
        });
    }
    const Json* list = json_of(arguments[0]);
    const Json* wanted = json_of(arguments[1]);
    if (list == nullptr || wanted == nullptr || !list->is_array()) {
        return no_overload();
    }
    const auto found = std::ranges::find(*list, *wanted);
    return cel_json(Json(found == list->end() ? std::int64_t{-1}
                                              : static_cast<std::int64_t>(found - list->begin())));
}

CelValue join(const Arguments& arguments) {
    const Json* list = json_of(arguments[0]);
    const std::string* between = arguments.size() > 1 ? text_of(arguments[1]) : nullptr;
    if (list == nullptr || !list->is_array()) {
        return no_overload();
    }
    std::string out;
    for (const Json& one : *list) {
        if (!one.is_string()) {
            return no_overload();
        }
        out += out.empty() || between == nullptr ? "" : *between;
        out += one.get_ref<const std::string&>();
        if (out.size() > kBuiltTextMax) {
            return too_long_text();
        }
    }
    return cel_json(Json(out));
}

CelValue list_sum(const Arguments& arguments) {
    const Json* list = json_of(arguments[0]);
    if (list == nullptr || !list->is_array()) {
        return no_overload();
    }
    std::int64_t whole = 0;
    double real = 0;
    bool integers = true;
    for (const Json& one : *list) {
        if (!one.is_number()) {
            return no_overload();
        }
        integers = integers && one.is_number_integer();
        real += one.get<double>();
        if (integers && __builtin_add_overflow(whole, one.get<std::int64_t>(), &whole)) {
            return cel_failure("integer overflow");
        }
    }
    return cel_json(integers ? Json(whole) : Json(real));
}

CelValue extreme(const Arguments& arguments, int wanted) {
    const Json* list = json_of(arguments[0]);
    if (list == nullptr || !list->is_array() || list->empty()) {
        return cel_failure("min or max of an empty list");
    }
    CelValue best = cel_json((*list)[0]);
    for (const Json& one : *list) {
        const CelValue candidate = cel_json(one);
        const std::optional<int> order = compare_cel(candidate, best);
        if (!order) {
            return no_overload();
        }
        best = *order == wanted ? candidate : best;
    }
    return best;
}

CelValue is_sorted(const Arguments& arguments) {
    const Json* list = json_of(arguments[0]);
    if (list == nullptr || !list->is_array()) {
        return no_overload();
    }
    for (std::size_t i = 1; i < list->size(); ++i) {
        const std::optional<int> order =
            compare_cel(cel_json((*list)[i - 1]), cel_json((*list)[i]));
        if (!order) {
            return no_overload();
        }
        if (*order > 0) {
            return cel_json(Json(false));
        }
    }
    return cel_json(Json(true));
}

CelValue to_integer(const Arguments& arguments) {
    const Json* value = json_of(arguments[0]);
    if (value != nullptr && value->is_number_float()) {
        constexpr double kLimit = 9223372036854775808.0;  // 2^63
        const auto real = value->get<double>();
        return real >= -kLimit && real < kLimit ? cel_json(Json(static_cast<std::int64_t>(real)))
                                                : cel_failure("range error converting to int");
    }
    if (value != nullptr && value->is_number()) {
        return cel_json(Json(value->get<std::int64_t>()));
    }
    const std::string* text = text_of(arguments[0]);
    std::int64_t out = 0;
    if (text != nullptr) {
        const auto read = std::from_chars(text->data(), text->data() + text->size(), out);
        if (read.ec == std::errc() && read.ptr == text->data() + text->size()) {
            return cel_json(Json(out));
        }
    }
    return cel_failure("type conversion error to int");
}

CelValue to_real(const Arguments& arguments) {
    const Json* value = json_of(arguments[0]);
    if (value != nullptr && value->is_number()) {
        return cel_json(Json(value->get<double>()));
    }
    const std::string* text = text_of(arguments[0]);
    double out = 0;
    if (text != nullptr) {
        const auto read = std::from_chars(text->data(), text->data() + text->size(), out);
        if (read.ec == std::errc() && read.ptr == text->data() + text->size()) {
            return cel_json(Json(out));
        }
    }
    return cel_failure("type conversion error to double");
}

CelValue to_string(const Arguments& arguments) {
    const Json* value = json_of(arguments[0]);
    if (value == nullptr || value->is_structured() || value->is_null()) {
        return no_overload();
    }
    return cel_json(value->is_string() ? *value : Json(value->dump()));
}

CelValue same(const Arguments& arguments) {
    return arguments[0];
}

CelValue quantity(const Arguments& arguments) {
    if (std::holds_alternative<Quantity>(arguments[0])) {
        return arguments[0];
    }
    const std::string* text = text_of(arguments[0]);
    const std::optional<Quantity> value = text == nullptr ? std::nullopt : Quantity::parse(*text);
    return value ? CelValue(*value)
                 : cel_failure(
                       "quantities must match the regular expression "
                       "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

CelValue is_quantity(const Arguments& arguments) {
    return on_text(arguments,
                   [](const std::string& text) { return Quantity::parse(text).has_value(); });
}

// A sequence of numbers with units: "1h30m", "-500ms".
std::optional<Duration> parse_duration(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, double>, 6> kUnits = {
        {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}}};
    double nanos = 0;
    const bool negative = text.starts_with('-');
    text.remove_prefix(negative ? 1 : 0);
    if (text.empty()) {
        return std::nullopt;
    }
    while (!text.empty()) {
        // What else the library reads as a number: further signs, "inf" and "nan".
        if (text.find_first_of("0123456789.") != 0) {
            return std::nullopt;
        }
        double number = 0;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), number,
                                          std::chars_format::fixed);
        if (read.ec != std::errc()) {
            return std::nullopt;
        }
        text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
        const std::size_t unit = std::min(text.find_first_of("0123456789."), text.size());
        const auto* found =
            std::ranges::find(kUnits, text.substr(0, unit), [](const auto& u) { return u.first; });
        if (found == kUnits.end() || nanos + number * found->second > 9e18) {
            return std::nullopt;
        }
        nanos += number * found->second;
        text.remove_prefix(unit);
    }
    return Duration(static_cast<std::int64_t>(negative ? -nanos : nanos));
}

CelValue duration(const Arguments& arguments) {
    const std::string* text = text_of(arguments[0]);
    const std::optional<Duration> value = text == nullptr ? std::nullopt : parse_duration(*text);
    return value ? CelValue(*value) : cel_failure("invalid duration");
}

template <class Apply>
CelValue on_quantity(const Arguments& arguments, Apply apply) {
    const auto* value = std::get_if<Quantity>(&arguments[0]);
    return value == nullptr ? no_overload() : apply(*value);
}

// The second operand may be a quantity or an integer.
std::optional<Quantity> second_quantity(const Arguments& arguments) {
    if (const auto* value = std::get_if<Quantity>(&arguments[1])) {
        return *value;
    }
    const Json* json = json_of(arguments[1]);
    return json != nullptr && json->is_number_integer()
               ? std::optional(Quantity::from_integer(json->get<std::int64_t>()))
               : std::nullopt;
}

template <class Apply>
CelValue on_quantities(const Arguments& arguments, Apply apply) {
    const auto* left = std::get_if<Quantity>(&arguments[0]);
    const std::optional<Quantity> right = second_quantity(arguments);
    return left == nullptr || !right ? no_overload() : apply(*left, *right);
}

CelValue in_range(const std::optional<Quantity>& value) {
    return value ? CelValue(*value) : cel_failure("quantity overflow");
}

CelValue as_integer(const Arguments& arguments) {
    return on_quantity(arguments, [](Quantity value) {
        const std::optional<std::int64_t> whole = value.as_integer();
        return whole && value.is_integer() ? cel_json(Json(*whole))
                                           : cel_failure("cannot convert value to integer");
    });
}

struct Entry {
    std::string_view name;
    bool method;
    std::size_t arguments;  // without the receiver
    Function function;
};

std::span<const Entry> text_functions() {
    static const std::vector<Entry> entries = {
        {"size", false, 1, size_of},
        {"size", true, 0, size_of},
        {"startsWith", true, 1,
         [](const Arguments& a) {
             return on_texts(a, [](const auto& t, const auto& p) { return t.starts_with(p); });
         }},
        {"endsWith", true, 1,
         [](const Arguments& a) {
             return on_texts(a, [](const auto& t, const auto& p) { return t.ends_with(p); });
         }},
        {"contains", true, 1,
         [](const Arguments& a) {
             return on_texts(
                 a, [](const auto& t, const auto& p) { return t.find(p) != std::string::npos; });
         }},
        {"matches", true, 1, matches},
        {"matches", false, 2, matches},
        {"lowerAscii", true, 0,
         [](const Arguments& a) {
             return on_text(a, [](const std::string& t) { return mapped(t, 'A', 'Z', 32); });
         }},
        {"upperAscii", true, 0,
         [](const Arguments& a) {
             return on_text(a, [](const std::string& t) { return mapped(t, 'a', 'z', -32); });
         }},
        {"trim", true, 0, [](const Arguments& a) { return on_text(a, trimmed); }},
        {"split", true, 1, [](const Arguments& a) { return on_texts(a, split); }},
        {"replace", true, 2, replace},
        {"substring", true, 1, substring},
        {"substring", true, 2, substring},
        {"indexOf", true, 1, index_of},
        {"join", true, 0, join},
        {"join", true, 1, join},
    };
    return entries;
}

std::span<const Entry> other_functions() {
    static const std::vector<Entry> entries = {
        {"sum", true, 0, list_sum},
        {"min", true, 0, [](const Arguments& a) { return extreme(a, -1); }},
        {"max", true, 0, [](const Arguments& a) { return extreme(a, 1); }},
        {"isSorted", true, 0, is_sorted},
        {"int", false, 1, to_integer},
        {"double", false, 1, to_real},
        {"string", false, 1, to_string},
        {"dyn", false, 1, same},
        {"quantity", false, 1, quantity},
        {"isQuantity", false, 1, is_quantity},
        {"duration", false, 1, duration},
        {"asInteger", true, 0, as_integer},
        {"isInteger", true, 0,
         [](const Arguments& a) {
             return on_quantity(a, [](Quantity q) {
                 return cel_json(Json(q.is_integer() && q.as_integer().has_value()));
             });
         }},
        {"asApproximateFloat", true, 0,
         [](const Arguments& a) {
             return on_quantity(a, [](Quantity q) { return cel_json(Json(q.as_double())); });
         }},
        {"sign", true, 0,
         [](const Arguments& a) {
             return on_quantity(a,
                                [](Quantity q) { return cel_json(Json(std::int64_t{q.sign()})); });
         }},
        {"compareTo", true, 1,
         [](const Arguments& a) {
             return on_quantities(a, [](Quantity l, Quantity r) {
                 return cel_json(Json(std::int64_t{l < r ? -1 : l > r ? 1 : 0}));
             });
         }},
        {"isGreaterThan", true, 1,
         [](const Arguments& a) {
             return on_quantities(a, [](Quantity l, Quantity r) { return cel_json(Json(l > r)); });
         }},
        {"isLessThan", true, 1,
         [](const Arguments& a) {
             return on_quantities(a, [](Quantity l, Quantity r) { return cel_json(Json(l < r)); });
         }},
        {"add", true, 1,
         [](const Arguments& a) {
             return on_quantities(a, [](Quantity l, Quantity r) { return in_range(l + r); });
         }},
        {"sub", true, 1,
         [](const Arguments& a) {
             return on_quantities(a, [](Quantity l, Quantity r) { return in_range(l - r); });
         }},
    };
    return entries;
}

const Entry* find_entry(std::string_view name, bool method, std::size_t arguments) {
    for (std::span<const Entry> table : {text_functions(), other_functions()}) {
        for (const Entry& entry : table) {
            if (entry.name == name && entry.method == method && entry.arguments == arguments) {
                return &entry;
            }
        }
    }
    return nullptr;
}

}  // namespace

bool known_function(std::string_view name, bool method, std::size_t arguments) {
    return find_entry(name, method, arguments) != nullptr;
}

CelValue call_cel_function(const std::string& name, const std::vector<CelValue>& arguments) {
    const std::size_t count = arguments.size();
    const Entry* entry = count > 0 ? find_entry(name, true, count - 1) : nullptr;
    if (entry == nullptr) {
        entry = find_entry(name, false, count);
    }
    return entry == nullptr ? no_overload() : entry->function(arguments);
}

}  // namespace millrace::kube_operator::local
