// The C++ spelling of fields: types, defaults, conditions over the version.
#pragma once

#include <string>
#include <string_view>

#include "lib/codegen/schema.h"

namespace millrace::codegen {

// "millrace::zk" or "millrace::kafka".
std::string_view namespace_of(Profile profile);

// The type of one element, and of the whole field with array and optional around it.
std::string element_type(const Schema& schema, const FieldType& type);
std::string field_type(const Schema& schema, const Field& field);

// True when the member is a std::optional because of `nullable`.
bool is_optional(const Field& field);

// What stands between the name and the semicolon of the member: " = -1", "{…}" or nothing.
std::string member_initializer(const Schema& schema, const Field& field);

// An expression that is true when the member holds its default. name is the member.
std::string is_default(const Schema& schema, const Field& field);

// An expression over `wire_version` that is true in the range; "true" when the range covers everything in `within`.
std::string version_condition(VersionRange range, VersionRange within);

// "true", "false" or an expression over `wire_version`: may the field be null?
std::string null_condition(const Field& field);

// What follows the cursor in calls between structures: ", wire_version, flexible" for Kafka structures, "" for jute.
std::string_view structure_arguments(Profile profile);

}  // namespace millrace::codegen
