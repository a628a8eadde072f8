// What a schema file says, after all names are resolved and all rules of the language have been checked (README.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::codegen {

inline constexpr int kOpenEnd = 32767;

// Both ends included. An open end is kOpenEnd.
struct VersionRange {
    int first = 0;
    int last = kOpenEnd;

    bool operator==(const VersionRange&) const = default;
    bool contains(int version) const { return first <= version && version <= last; }
    bool covers(VersionRange other) const { return first <= other.first && other.last <= last; }
    bool empty() const { return first > last; }
    VersionRange intersect(VersionRange other) const;
};

enum class Profile { jute, kafka };

enum class TypeKind {
    boolean,
    int8,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    float64,
    string,
    bytes,
    buffer,
    uuid,
    records,
    structure
};

struct FieldType {
    TypeKind kind = TypeKind::boolean;
    bool array = false;
    std::size_t structure = 0;  // index into Schema::structures, for TypeKind::structure
};

struct Field {
    std::string name;
    FieldType type;
    VersionRange versions;  // already cut to the versions of the enclosing message
    std::optional<VersionRange> nullable;
    std::optional<std::string> default_text;  // as written between the parentheses, quotes included
    bool ignorable = false;
    std::optional<std::uint32_t> tag;
    int line = 0;

    bool null_by_default() const { return default_text == "null"; }
};

struct Structure {
    std::string cpp_name;  // unique in the namespace, e.g. FetchRequestTopic
    std::string alias;  // the name inside the enclosing structure, e.g. Topic; empty at file level
    VersionRange versions;  // of the message it belongs to; open for a structure shared by a file
    std::vector<Field> fields;
    std::vector<std::size_t> inner;  // structures declared inside
    int line = 0;
};

enum class MessageKind { request, response, message };

struct Message {
    MessageKind kind = MessageKind::message;
    std::string name;            // as the protocol spells it, e.g. Fetch
    std::optional<int> api_key;  // requests; a response of the same file takes over its request's
    VersionRange versions;
    int first_flexible = kOpenEnd;
    std::size_t structure = 0;  // the body
    int line = 0;
};

// A structure stands after the structures that its fields use.
struct Schema {
    std::string file;  // as given to the parser, for messages
    Profile profile = Profile::jute;
    std::vector<Structure> structures;
    std::vector<Message> messages;  // none in the jute profile, where every structure is a record
};

// The name in the language, e.g. "int32".
std::string_view name_of(TypeKind kind);

// Reads one schema. The error is "file:line: what is wrong and what is allowed" (invalid_argument), the first one only.
Result<Schema> parse_schema(std::string_view file, std::string_view text);

// Rules that span files: no C++ name twice, one request for an api key, responses that match their requests.
// Also gives each response the key of its request.
Status check_together(std::vector<Schema>& schemas);

// Fewest bytes that a value of the structure takes on the wire, in any version; bounds a count before allocation.
std::size_t min_wire_size(const Schema& schema, const Structure& structure);
std::size_t min_wire_size(const Schema& schema, const FieldType& type);

}  // namespace millrace::codegen
