// One field line: name, type and attributes, and the rules each combination must keep.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/codegen/lines.h"
#include "lib/codegen/schema.h"

namespace millrace::codegen {

struct FieldContext {
    std::string_view file;
    Profile profile = Profile::jute;
    VersionRange versions;  // of the enclosing message
};

// PascalCase without underscores that is no type of the emitted code (Records, Uuid …); and snake_case that is no C++ keyword and no name of the emitted code.
bool is_type_name(std::string_view word);
bool is_field_name(std::string_view word);

// "3", "3-7", "3+"; nothing else.
std::optional<VersionRange> parse_versions(std::string_view word);
// A decimal number from 0 to 32767.
std::optional<int> parse_number(std::string_view word);

// Reads everything but the reference to a struct: its name goes to type_name, which is empty for other types.
Result<Field> parse_field_line(const FieldContext& context, const Line& line,
                               std::string& type_name);

// Checks attributes against the type, and cuts the versions to those of the message.
Status check_field(const FieldContext& context, Field& field);

}  // namespace millrace::codegen
