// The schema language of lib/codegen/README.md: what it accepts, and what it says about the rest.
#include "lib/codegen/schema.h"

namespace millrace::codegen {
namespace {

std::string error_of(std::string_view text) {
    const Result<Schema> schema = parse_schema("x.schema", text);
    return schema ? "accepted" : schema.error().message;
}

// A kafka message with one field line.
std::string field_error(std::string_view field) {
    return error_of(
        fmt::format("profile kafka\nmessage M versions 2-5 flexible 3+\n  {}\n", field));
}

Schema parsed(std::string_view text) {
    const Result<Schema> schema = parse_schema("x.schema", text);
    INFO((schema ? "" : schema.error().message));
    REQUIRE(schema.has_value());
    return *schema;
}

TEST_CASE("a request has its key, versions and first flexible version") {
    const Schema schema =
        parsed("profile kafka\nrequest Fetch 1 versions 0-17 flexible 12+\n  a int8\n");
    REQUIRE(schema.messages.size() == 1);
    const Message& message = schema.messages[0];
    REQUIRE(message.kind == MessageKind::request);
    REQUIRE(message.api_key == 1);
    REQUIRE(message.versions == VersionRange{0, 17});
    REQUIRE(message.first_flexible == 12);
    REQUIRE(schema.structures[message.structure].cpp_name == "FetchRequest");
}

TEST_CASE("flexible never leaves no flexible version") {
    const Schema schema = parsed("profile kafka\nmessage M versions 3 flexible never\n");
    REQUIRE(schema.messages[0].first_flexible == kOpenEnd);
    REQUIRE(schema.messages[0].versions == VersionRange{3, 3});
}

TEST_CASE("inline structs take the names of those around them") {
    const Schema schema = parsed(
        "profile kafka\nresponse R versions 0 flexible never\n"
        "  topics []Topic\n    partitions []Partition\n      id int32\n");
    REQUIRE(schema.structures.size() == 3);
    REQUIRE(schema.structures[0].cpp_name == "RResponseTopicPartition");
    REQUIRE(schema.structures[1].cpp_name == "RResponseTopic");
    REQUIRE(schema.structures[1].alias == "Topic");
    REQUIRE(schema.structures[2].cpp_name == "RResponse");
}

TEST_CASE("an inline struct can be named again below its declaration") {
    const Schema schema = parsed(
        "profile kafka\nmessage M versions 0 flexible never\n"
        "  a Pair\n    x int8\n  b []Pair\n");
    REQUIRE(schema.structures[1].fields[1].type.structure == 0);
}

TEST_CASE("field versions are cut to those of the message") {
    const Schema schema =
        parsed("profile kafka\nmessage M versions 2-5 flexible 3+\n  a int8\n  b int8 4+\n");
    REQUIRE(schema.structures[0].fields[0].versions == VersionRange{2, 5});
    REQUIRE(schema.structures[0].fields[1].versions == VersionRange{4, 5});
}

TEST_CASE("comments, blank lines and attributes in any order are accepted") {
    const Schema schema = parsed(
        "# head\nprofile kafka\n\nmessage M versions 0-1 flexible 1+  # why\n"
        "  a string tag(3) default(\"a # b\") ignorable 1+ nullable # end\n");
    const Field& field = schema.structures[0].fields[0];
    REQUIRE(field.default_text == "\"a # b\"");
    REQUIRE(field.ignorable);
    REQUIRE(field.tag == 3U);
    REQUIRE(field.nullable == VersionRange{});
}

TEST_CASE("the smallest wire size counts the fields that every version has") {
    const Schema schema = parsed(
        "profile kafka\nmessage M versions 0-2 flexible 2+\n  a int32\n  b int64 1+\n  c string\n");
    // Version 0: 4 + 2; counted as a flexible version it would be 4 + 1 + 1, which is no less.
    REQUIRE(min_wire_size(schema, schema.structures[0]) == 6);
}

TEST_CASE("a wrong statement is named with its line and what is allowed") {
    struct Case {
        std::string_view text;
        std::string_view message;
    };
    const auto [text, message] = GENERATE(values<Case>({
        {"", "x.schema:1: empty file; the first line is `profile jute` or `profile kafka`"},
        {"profile thrift\n", "x.schema:1: the first line is `profile jute` or `profile kafka`"},
        {"profile kafka\n\trequest\n", "x.schema:2: tab found; indent with two blanks a level"},
        {"profile kafka\n   a int8\n",
         "x.schema:2: odd indentation; indent with two blanks a level"},
        {"profile kafka\nmessage M versions 0+ flexible 1+\n",
         "x.schema:2: expected `versions A-B` or `versions A`; both ends must be given"},
        {"profile kafka\nmessage M versions 0-2\n",
         "x.schema:2: expected `flexible C+` or `flexible never` after the versions"},
        {"profile kafka\n  a int8\n",
         "x.schema:2: this line is indented deeper than anything it could belong to"},
        {"profile kafka\nstruct low\n",
         "x.schema:2: expected `struct Name` with a name in PascalCase"},
        {"profile kafka\nstruct A\n  x int8\nstruct A\n", "x.schema:4: struct A is declared twice"},
        {"profile jute\nrequest A 1 versions 0 flexible never\n",
         "x.schema:2: `request` is not known; the jute profile has `struct Name` only"},
    }));
    REQUIRE(error_of(text) == message);
}

TEST_CASE("a request without a key says what a statement looks like") {
    REQUIRE(
        error_of("profile kafka\nrequest A versions 0 flexible never\n")
            .starts_with("x.schema:2: a request has its api key after the name; a statement is"));
}

TEST_CASE("a wrong field is named with its line and the broken rule") {
    struct Case {
        std::string_view field;
        std::string_view message;
    };
    const auto [field, message] = GENERATE(values<Case>({
        {"a int32 default(99999999999)",
         "x.schema:3: field a: default(99999999999): the number does not fit into int32"},
        {"a uint16 default(-1)",
         "x.schema:3: field a: default(-1): the number does not fit into uint16"},
        {"a string default(null)",
         "x.schema:3: field a: default(null): default(null) needs `nullable`"},
        {"a string default(b)",
         "x.schema:3: field a: default(b): a string default is quoted and has no backslash"},
        {"a []int8 default(3)",
         "x.schema:3: field a: default(3): an array has no default but null"},
        {"a int32 nullable",
         "x.schema:3: field a: nullable is for string, bytes, records, []T and structs"},
        {"a int32 0-1", "x.schema:3: field a: no version of the message (2-5) carries this field"},
        {"a records tag(0)", "x.schema:3: field a: records can be neither tagged nor an array"},
        {"a []bool",
         "x.schema:3: field a: []bool is not offered; std::vector<bool> has no elements to refer to"},
        {"a Missing",
         "x.schema:3: type Missing is not known here; declare it above as a struct, or indent its "
         "fields below this line"},
    }));
    REQUIRE(field_error(field) == message);
}

TEST_CASE("an unknown type, attribute or name lists what there is") {
    REQUIRE(
        field_error("a int31").starts_with("x.schema:3: `int31` is not a type: bool int8 int16"));
    REQUIRE(field_error("a int32 taged(1)")
                .starts_with("x.schema:3: `taged(1)` is not an attribute, or stands here twice; "
                             "attributes are"));
    REQUIRE(field_error("class int32").starts_with("x.schema:3: `class` cannot be a field name"));
    REQUIRE(field_error("a buffer").starts_with("x.schema:3: `buffer` is not a type"));
    REQUIRE(field_error("a").starts_with("x.schema:3: field a needs a type"));
}

TEST_CASE("names and tags are unique in a struct") {
    REQUIRE(error_of("profile jute\nstruct A\n  x int32\n  x int64\n") ==
            "x.schema:4: field x is declared twice");
    REQUIRE(field_error("a int8 3+ tag(1)\n  b int8 3+ tag(1)") ==
            "x.schema:4: tag 1 is taken by field a");
}

TEST_CASE("a scalar field cannot have fields") {
    REQUIRE(field_error("a int8\n    b int8") ==
            "x.schema:4: field a has type int8 and cannot have fields");
}

TEST_CASE("the jute profile has no versions and no tags") {
    REQUIRE(error_of("profile jute\nstruct A\n  x int32 3+\n") ==
            "x.schema:3: field x: the jute profile has no versions, tags or ignorable fields");
}

TEST_CASE("a response takes the key of its request, also from another file") {
    std::vector<Schema> schemas{parsed("profile kafka\nresponse A versions 0-1 flexible 1+\n"),
                                parsed("profile kafka\nrequest A 7 versions 0-1 flexible 1+\n")};
    REQUIRE(check_together(schemas).has_value());
    REQUIRE(schemas[0].messages[0].api_key == 7);
}

TEST_CASE("a response must have the versions of its request") {
    std::vector<Schema> schemas{
        parsed("profile kafka\nrequest A 7 versions 0-1 flexible 1+\n"
               "response A versions 0-2 flexible 1+\n")};
    REQUIRE(check_together(schemas).error().message.starts_with(
        "x.schema:3: response A must have the versions"));
}

TEST_CASE("one name and one api key exist once over all files") {
    const Schema first = parsed("profile kafka\nrequest A 7 versions 0 flexible never\n");
    std::vector<Schema> same_name{first, parsed("profile kafka\n\nstruct ARequest\n  x int8\n")};
    REQUIRE(check_together(same_name).error().message ==
            "x.schema:3: ARequest is declared already at x.schema:2");
    std::vector<Schema> same_key{first,
                                 parsed("profile kafka\nrequest B 7 versions 0 flexible never\n")};
    REQUIRE(check_together(same_key).error().message ==
            "x.schema:2: api key 7 is taken at x.schema:2");
}

}  // namespace
}  // namespace millrace::codegen
