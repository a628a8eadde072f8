#include "lib/codegen/field_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace millrace::codegen {
namespace {

constexpr std::string_view kAttributes =
    "attributes are a version range (3-7, 3+, 4), nullable, nullable(2+), default(x), ignorable "
    "and tag(n)";

// Keywords that a protocol could use as a field name, and names that the emitted structures take.
constexpr auto kReserved = std::to_array<std::string_view>(
    {"auto",       "bool",          "break",       "case",     "catch",     "char",
     "class",      "const",         "continue",    "default",  "delete",    "do",
     "double",     "else",          "enum",        "explicit", "export",    "extern",
     "false",      "float",         "for",         "friend",   "goto",      "if",
     "inline",     "int",           "long",        "mutable",  "namespace", "new",
     "operator",   "private",       "protected",   "public",   "register",  "return",
     "short",      "signed",        "sizeof",      "static",   "struct",    "switch",
     "template",   "this",          "throw",       "true",     "try",       "typedef",
     "typename",   "union",         "unsigned",    "using",    "virtual",   "void",
     "volatile",   "while",         "decode",      "encode",   "read",      "write",
     "reader",     "writer",        "flexible",    "decoded",  "element",   "tag_body",
     "tag_number", "tagged_fields", "wire_version"});

// Types that the emitted code names itself.
constexpr auto kReservedTypes = std::to_array<std::string_view>({"Bytes", "Records", "Uuid"});

constexpr auto kScalars = std::to_array<TypeKind>(
    {TypeKind::boolean, TypeKind::int8, TypeKind::int16, TypeKind::uint16, TypeKind::int32,
     TypeKind::uint32, TypeKind::int64, TypeKind::float64, TypeKind::string, TypeKind::bytes,
     TypeKind::buffer, TypeKind::uuid, TypeKind::records});

bool allowed_in(Profile profile, TypeKind kind) {
    if (profile == Profile::jute) {
        return kind != TypeKind::uuid && kind != TypeKind::records && kind != TypeKind::bytes;
    }
    return kind != TypeKind::buffer;
}

std::string allowed_types(Profile profile) {
    std::string text;
    for (const TypeKind kind : kScalars) {
        if (allowed_in(profile, kind)) {
            text += fmt::format("{} ", name_of(kind));
        }
    }
    return text + "or a struct, each also as []type";
}

// "name(argument)" -> argument.
std::optional<std::string_view> argument_of(std::string_view word, std::string_view name) {
    if (!word.starts_with(name) || !word.ends_with(')') || word.size() < name.size() + 2 ||
        word[name.size()] != '(') {
        return std::nullopt;
    }
    return word.substr(name.size() + 1, word.size() - name.size() - 2);
}

// True when the word was an attribute and its argument was right.
bool read_attribute(std::string_view word, Field& field, bool& has_versions) {
    if (word == "ignorable") {
        return !std::exchange(field.ignorable, true);
    }
    if (word == "nullable" && !field.nullable) {
        field.nullable = VersionRange{};
        return true;
    }
    if (const auto argument = argument_of(word, "nullable"); argument && !field.nullable) {
        field.nullable = parse_versions(*argument);
        return field.nullable.has_value();
    }
    if (const auto argument = argument_of(word, "default"); argument && !field.default_text) {
        field.default_text = std::string(*argument);
        return !argument->empty();
    }
    if (const auto argument = argument_of(word, "tag"); argument && !field.tag) {
        const std::optional<int> number = parse_number(*argument);
        field.tag = number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
        return number.has_value();
    }
    if (const std::optional<VersionRange> versions = parse_versions(word);
        versions && !std::exchange(has_versions, true)) {
        field.versions = *versions;
        return true;
    }
    return false;
}

template <class T>
bool fits(std::string_view text) {
    const bool negative = text.starts_with('-');
    const std::string_view digits = text.substr(negative ? 1 : 0);
    const bool hex = digits.starts_with("0x");
    std::uint64_t magnitude = 0;
    const char* first = digits.data() + (hex ? 2 : 0);
    const char* last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(first, last, magnitude, hex ? 16 : 10);
    if (error != std::errc() || end != last) {
        return false;
    }
    if (!negative) {
        return std::in_range<T>(magnitude);
    }
    return magnitude <= static_cast<std::uint64_t>(INT64_MAX) &&
           std::in_range<T>(-static_cast<std::int64_t>(magnitude));
}

bool is_decimal(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

bool is_quoted(std::string_view text) {
    return text.size() >= 2 && text.front() == '"' && text.back() == '"' &&
           text.find('\\') == std::string_view::npos;
}

// What default(x) may be for the type; empty when x is right.
std::string_view wrong_default(const Field& field) {
    const std::string_view text = *field.default_text;
    if (text == "null") {
        return field.nullable ? "" : "default(null) needs `nullable`";
    }
    if (field.type.array) {
        return "an array has no default but null";
    }
    switch (field.type.kind) {
        case TypeKind::boolean:
            return text == "true" || text == "false" ? "" : "a bool is true or false";
        case TypeKind::int8:
            return fits<std::int8_t>(text) ? "" : "the number does not fit into int8";
        case TypeKind::int16:
            return fits<std::int16_t>(text) ? "" : "the number does not fit into int16";
        case TypeKind::uint16:
            return fits<std::uint16_t>(text) ? "" : "the number does not fit into uint16";
        case TypeKind::int32:
            return fits<std::int32_t>(text) ? "" : "the number does not fit into int32";
        case TypeKind::uint32:
            return fits<std::uint32_t>(text) ? "" : "the number does not fit into uint32";
        case TypeKind::int64:
            return fits<std::int64_t>(text) ? "" : "the number does not fit into int64";
        case TypeKind::float64:
            return is_decimal(text) ? "" : "a float64 needs a decimal number";
        case TypeKind::string:
            return is_quoted(text) ? "" : "a string default is quoted and has no backslash";
        case TypeKind::bytes:
        case TypeKind::buffer:
        case TypeKind::uuid:
        case TypeKind::records:
        case TypeKind::structure:
            return "this type has no default but null";
    }
    return "";
}

bool can_be_null(Profile profile, const FieldType& type) {
    if (profile == Profile::jute) {
        return type.array || type.kind == TypeKind::string;
    }
    return type.array || type.kind == TypeKind::string || type.kind == TypeKind::bytes ||
           type.kind == TypeKind::records || type.kind == TypeKind::structure;
}

// The rule that the field breaks, or empty.
std::string broken_rule(const FieldContext& context, const Field& field) {
    if (context.profile == Profile::jute &&
        (field.ignorable || field.tag || field.versions != VersionRange{} ||
         (field.nullable && field.nullable != VersionRange{}))) {
        return "the jute profile has no versions, tags or ignorable fields";
    }
    if (field.nullable && !can_be_null(context.profile, field.type)) {
        return context.profile == Profile::jute
                   ? "nullable is for string and []T (a buffer is nullable by itself)"
                   : "nullable is for string, bytes, records, []T and structs";
    }
    if (field.type.kind == TypeKind::boolean && field.type.array) {
        return "[]bool is not offered; std::vector<bool> has no elements to refer to";
    }
    if (field.type.kind == TypeKind::records && (field.tag || field.type.array)) {
        return "records can be neither tagged nor an array";
    }
    if (field.default_text) {
        if (const std::string_view wrong = wrong_default(field); !wrong.empty()) {
            return fmt::format("default({}): {}", *field.default_text, wrong);
        }
    }
    if (field.versions.intersect(context.versions).empty()) {
        return fmt::format("no version of the message ({}-{}) carries this field",
                           context.versions.first, context.versions.last);
    }
    return {};
}

}  // namespace

bool is_type_name(std::string_view word) {
    const auto alphanumeric = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    };
    return !word.empty() && word.front() >= 'A' && word.front() <= 'Z' &&
           std::ranges::all_of(word, alphanumeric) &&
           std::ranges::find(kReservedTypes, word) == kReservedTypes.end();
}

bool is_field_name(std::string_view word) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !word.empty() && word.front() >= 'a' && word.front() <= 'z' &&
           std::ranges::all_of(word, allowed) &&
           std::ranges::find(kReserved, word) == kReserved.end();
}

std::optional<int> parse_number(std::string_view word) {
    int value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value < 0 || value > kOpenEnd) {
        return std::nullopt;
    }
    return value;
}

std::optional<VersionRange> parse_versions(std::string_view word) {
    const bool open = word.ends_with('+');
    if (open) {
        word.remove_suffix(1);
    }
    const std::size_t dash = word.find('-');
    const std::optional<int> first = parse_number(word.substr(0, dash));
    if (!first || (open && dash != std::string_view::npos)) {
        return std::nullopt;
    }
    if (dash == std::string_view::npos) {
        return VersionRange{*first, open ? kOpenEnd : *first};
    }
    const std::optional<int> last = parse_number(word.substr(dash + 1));
    if (!last || *last < *first) {
        return std::nullopt;
    }
    return VersionRange{*first, *last};
}

Result<Field> parse_field_line(const FieldContext& context, const Line& line,
                               std::string& type_name) {
    Field field;
    field.line = line.number;
    field.name = line.words[0];
    if (!is_field_name(field.name)) {
        return fail_at(context.file, line.number,
                       fmt::format("`{}` cannot be a field name: snake_case, no C++ keyword and "
                                   "no name of the emitted code (kReserved in field_parser.cc)",
                                   field.name));
    }
    if (line.words.size() < 2) {
        return fail_at(
            context.file, line.number,
            fmt::format("field {} needs a type: {}", field.name, allowed_types(context.profile)));
    }
    std::string_view type = line.words[1];
    field.type.array = type.starts_with("[]");
    type.remove_prefix(field.type.array ? 2 : 0);
    const auto scalar = std::ranges::find(kScalars, type, name_of);
    if (scalar != kScalars.end() && allowed_in(context.profile, *scalar)) {
        field.type.kind = *scalar;
    } else if (is_type_name(type)) {
        type_name = type;
    } else {
        return fail_at(context.file, line.number,
                       fmt::format("`{}` is not a type: {}", type, allowed_types(context.profile)));
    }
    bool has_versions = false;
    for (std::size_t i = 2; i < line.words.size(); ++i) {
        if (!read_attribute(line.words[i], field, has_versions)) {
            return fail_at(context.file, line.number,
                           fmt::format("`{}` is not an attribute, or stands here twice; {}",
                                       line.words[i], kAttributes));
        }
    }
    return field;
}

Status check_field(const FieldContext& context, Field& field) {
    const std::string rule = broken_rule(context, field);
    if (!rule.empty()) {
        return fail_at(context.file, field.line, fmt::format("field {}: {}", field.name, rule));
    }
    field.versions = field.versions.intersect(context.versions);
    return {};
}

}  // namespace millrace::codegen
