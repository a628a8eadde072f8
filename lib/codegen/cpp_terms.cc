#include "lib/codegen/cpp_terms.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::codegen {
namespace {

bool is_plain_number(TypeKind kind) {
    switch (kind) {
        case TypeKind::int8:
        case TypeKind::int16:
        case TypeKind::uint16:
        case TypeKind::int32:
        case TypeKind::uint32:
        case TypeKind::int64:
        case TypeKind::float64:
            return true;
        case TypeKind::boolean:
        case TypeKind::string:
        case TypeKind::bytes:
        case TypeKind::buffer:
        case TypeKind::uuid:
        case TypeKind::records:
        case TypeKind::structure:
            return false;
    }
    return false;
}

// The default as an expression, empty for the value that the type has by itself.
std::string default_value(const Field& field) {
    if (!field.default_text || field.null_by_default()) {
        return is_plain_number(field.type.kind) && !field.type.array ? "0" : "";
    }
    if (*field.default_text == "\"\"" || *field.default_text == "false") {
        return "";
    }
    return *field.default_text;
}

std::string filled_type(const Schema& schema, const Field& field) {
    const std::string element = element_type(schema, field.type);
    return field.type.array ? fmt::format("std::vector<{}>", element) : element;
}

}  // namespace

std::string_view namespace_of(Profile profile) {
    return profile == Profile::jute ? "millrace::zk" : "millrace::kafka";
}

std::string element_type(const Schema& schema, const FieldType& type) {
    switch (type.kind) {
        case TypeKind::boolean:
            return "bool";
        case TypeKind::int8:
            return "std::int8_t";
        case TypeKind::int16:
            return "std::int16_t";
        case TypeKind::uint16:
            return "std::uint16_t";
        case TypeKind::int32:
            return "std::int32_t";
        case TypeKind::uint32:
            return "std::uint32_t";
        case TypeKind::int64:
            return "std::int64_t";
        case TypeKind::float64:
            return "double";
        case TypeKind::string:
            return "std::string";
        case TypeKind::bytes:
            return "Bytes";
        case TypeKind::buffer:
            return "std::optional<Bytes>";
        case TypeKind::uuid:
            return "Uuid";
        case TypeKind::records:
            return "Records";
        case TypeKind::structure:
            return schema.structures[type.structure].cpp_name;
    }
    UNREACHABLE();
}

bool is_optional(const Field& field) {
    return field.nullable && (field.type.array || field.type.kind != TypeKind::records);
}

std::string field_type(const Schema& schema, const Field& field) {
    const std::string filled = filled_type(schema, field);
    return is_optional(field) ? fmt::format("std::optional<{}>", filled) : filled;
}

std::string member_initializer(const Schema& schema, const Field& field) {
    if (field.type.kind == TypeKind::records && field.null_by_default()) {
        return "{true, {}, 0, 0}";
    }
    if (is_optional(field)) {
        if (field.null_by_default()) {
            return "";
        }
        return fmt::format(" = {}{{{}}}", filled_type(schema, field), default_value(field));
    }
    if (field.type.kind == TypeKind::boolean) {
        return field.default_text == "true" ? " = true" : " = false";
    }
    const std::string value = default_value(field);
    return value.empty() ? "" : fmt::format(" = {}", value);
}

std::string is_default(const Schema& schema, const Field& field) {
    const std::string& name = field.name;
    if (field.type.kind == TypeKind::records) {
        return field.null_by_default() ? fmt::format("{}.is_null", name)
                                       : fmt::format("{} == Records{{}}", name);
    }
    if (is_optional(field) && field.null_by_default()) {
        return fmt::format("!{}.has_value()", name);
    }
    const std::string filled = filled_type(schema, field);
    const std::string value = default_value(field);
    if (is_optional(field)) {
        return fmt::format("{} == {}{{{}}}", name, filled, value);
    }
    if (field.type.array) {
        return fmt::format("{}.empty()", name);
    }
    if (field.type.kind == TypeKind::boolean) {
        return fmt::format("{}{}", value.empty() ? "!" : "", name);
    }
    if (field.type.kind == TypeKind::uuid) {
        return fmt::format("{}.is_zero()", name);
    }
    if (value.empty()) {
        return field.type.kind == TypeKind::structure ? fmt::format("{} == {}{{}}", name, filled)
                                                      : fmt::format("{}.empty()", name);
    }
    return fmt::format("{} == {}", name, value);
}

std::string version_condition(VersionRange range, VersionRange within) {
    const bool below = range.first > within.first;
    const bool above = range.last < within.last;
    if (below && range.first == range.last) {
        return fmt::format("wire_version == {}", range.first);
    }
    if (below && above) {
        return fmt::format("wire_version >= {} && wire_version <= {}", range.first, range.last);
    }
    if (below) {
        return fmt::format("wire_version >= {}", range.first);
    }
    return above ? fmt::format("wire_version <= {}", range.last) : "true";
}

std::string null_condition(const Field& field) {
    if (!field.nullable || field.nullable->intersect(field.versions).empty()) {
        return "false";
    }
    return version_condition(*field.nullable, field.versions);
}

std::string_view structure_arguments(Profile profile) {
    return profile == Profile::jute ? "" : ", wire_version, flexible";
}

}  // namespace millrace::codegen
