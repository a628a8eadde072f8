// From lines to a resolved Schema: statements, names and their scopes. Field attributes are read in field_parser.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "lib/codegen/field_parser.h"
#include "lib/codegen/lines.h"
#include "lib/codegen/schema.h"

namespace millrace::codegen {
namespace {

constexpr std::string_view kStatements =
    "a statement is `struct Name`, `request Name KEY versions A-B flexible C+`, `response Name "
    "versions A-B flexible C+` or `message Name versions A-B flexible C+`";

class Parser {
 public:
    Parser(std::string_view file, std::vector<Line> lines)
        : x_file(file), x_lines(std::move(lines)) {
        x_schema.file = x_file;
    }

    Result<Schema> run();

 private:
    // A structure while its fields are read; names are looked up from the innermost scope outwards.
    struct Scope {
        std::string cpp_name;
        std::map<std::string, std::size_t> inner;
    };

    bool more() const { return x_at < x_lines.size(); }
    const Line& current() const { return x_lines[x_at]; }
    std::unexpected<Error> fail_here(const Line& line, std::string_view message) const {
        return fail_at(x_file, line.number, message);
    }

    Status parse_profile();
    Status parse_statement();
    Status parse_struct(const Line& line);
    Status parse_message(const Line& line, MessageKind kind);
    Result<Message> parse_message_header(const Line& line, MessageKind kind) const;
    Result<std::size_t> parse_body(Structure structure, int depth);
    Result<Field> parse_field(Structure& owner, int depth);
    Status resolve_structure(const Line& line, const std::string& type_name, Structure& owner,
                             Field& field);
    std::optional<std::size_t> find_structure(const std::string& name) const;

    std::string x_file;
    std::vector<Line> x_lines;
    std::size_t x_at = 0;
    Schema x_schema;
    std::vector<Scope> x_scopes{Scope{}};
};

Result<Schema> Parser::run() {
    TRY(parse_profile());
    while (more()) {
        TRY(parse_statement());
    }
    return std::move(x_schema);
}

Status Parser::parse_profile() {
    if (!more()) {
        return fail_at(x_file, 1,
                       "empty file; the first line is `profile jute` or `profile kafka`");
    }
    const Line& line = current();
    const bool shaped = line.depth == 0 && line.words.size() == 2 && line.words[0] == "profile";
    if (shaped && line.words[1] == "jute") {
        x_schema.profile = Profile::jute;
    } else if (shaped && line.words[1] == "kafka") {
        x_schema.profile = Profile::kafka;
    } else {
        return fail_here(line, "the first line is `profile jute` or `profile kafka`");
    }
    ++x_at;
    return {};
}

Status Parser::parse_statement() {
    const Line line = current();
    if (line.depth != 0) {
        return fail_here(line, "this line is indented deeper than anything it could belong to");
    }
    ++x_at;
    const std::string& keyword = line.words[0];
    if (keyword == "struct") {
        return parse_struct(line);
    }
    if (x_schema.profile == Profile::jute) {
        return fail_here(line, fmt::format("`{}` is not known; the jute profile has `struct Name` "
                                           "only",
                                           keyword));
    }
    constexpr std::array<std::pair<std::string_view, MessageKind>, 3> kKinds = {
        {{"request", MessageKind::request},
         {"response", MessageKind::response},
         {"message", MessageKind::message}}};
    for (const auto& [name, kind] : kKinds) {
        if (keyword == name) {
            return parse_message(line, kind);
        }
    }
    return fail_here(line, fmt::format("`{}` is not known; {}", keyword, kStatements));
}

Status Parser::parse_struct(const Line& line) {
    if (line.words.size() != 2 || !is_type_name(line.words[1])) {
        return fail_here(line, "expected `struct Name` with a name in PascalCase");
    }
    if (x_scopes.front().inner.contains(line.words[1])) {
        return fail_here(line, fmt::format("struct {} is declared twice", line.words[1]));
    }
    Structure structure;
    structure.cpp_name = line.words[1];
    structure.line = line.number;
    const std::size_t index = TRY(parse_body(std::move(structure), 1));
    x_scopes.front().inner[line.words[1]] = index;
    return {};
}

Result<Message> Parser::parse_message_header(const Line& line, MessageKind kind) const {
    Message message;
    message.kind = kind;
    message.line = line.number;
    std::size_t at = 1;
    const auto word = [&] { return at < line.words.size() ? line.words[at++] : std::string(); };
    message.name = word();
    if (!is_type_name(message.name)) {
        return fail_here(line,
                         fmt::format("a message needs a name in PascalCase; {}", kStatements));
    }
    if (kind == MessageKind::request) {
        message.api_key = parse_number(word());
        if (!message.api_key) {
            return fail_here(
                line, fmt::format("a request has its api key after the name; {}", kStatements));
        }
    }
    const bool has_versions = word() == "versions";
    const std::optional<VersionRange> versions = parse_versions(word());
    if (!has_versions || !versions || versions->last == kOpenEnd) {
        return fail_here(line, "expected `versions A-B` or `versions A`; both ends must be given");
    }
    message.versions = *versions;
    const bool has_flexible = word() == "flexible";
    const std::string flexible_text = word();
    const std::optional<VersionRange> flexible = parse_versions(flexible_text);
    const bool never = flexible_text == "never";
    if (!has_flexible || (!never && (!flexible || flexible->last != kOpenEnd))) {
        return fail_here(line, "expected `flexible C+` or `flexible never` after the versions");
    }
    message.first_flexible = never ? kOpenEnd : flexible->first;
    if (at != line.words.size()) {
        return fail_here(line,
                         fmt::format("`{}` is one word too many; {}", line.words[at], kStatements));
    }
    return message;
}

Status Parser::parse_message(const Line& line, MessageKind kind) {
    Message message = TRY(parse_message_header(line, kind));
    Structure structure;
    structure.cpp_name = message.name;
    if (kind == MessageKind::request) {
        structure.cpp_name += "Request";
    } else if (kind == MessageKind::response) {
        structure.cpp_name += "Response";
    }
    structure.versions = message.versions;
    structure.line = line.number;
    message.structure = TRY(parse_body(std::move(structure), 1));
    x_schema.messages.push_back(std::move(message));
    return {};
}

// Reads the fields at the given depth. Inner structures enter the schema before the structure itself.
Result<std::size_t> Parser::parse_body(Structure structure, int depth) {
    x_scopes.push_back({structure.cpp_name, {}});
    while (more() && current().depth >= depth) {
        if (current().depth > depth) {
            return fail_here(current(),
                             "indented too deep; two blanks more than the line above it "
                             "belongs to");
        }
        Field field = TRY(parse_field(structure, depth));
        for (const Field& other : structure.fields) {
            if (other.name == field.name) {
                return fail_at(x_file, field.line,
                               fmt::format("field {} is declared twice", field.name));
            }
            if (field.tag && other.tag == field.tag) {
                return fail_at(x_file, field.line,
                               fmt::format("tag {} is taken by field {}", *field.tag, other.name));
            }
        }
        structure.fields.push_back(std::move(field));
    }
    x_scopes.pop_back();
    x_schema.structures.push_back(std::move(structure));
    return x_schema.structures.size() - 1;
}

Result<Field> Parser::parse_field(Structure& owner, int depth) {
    const Line line = current();
    ++x_at;
    std::string type_name;
    Field field =
        TRY(parse_field_line({x_file, x_schema.profile, owner.versions}, line, type_name));
    const bool has_body = more() && current().depth > depth;
    if (!type_name.empty()) {
        TRY(resolve_structure(line, type_name, owner, field));
    } else if (has_body) {
        return fail_here(current(), fmt::format("field {} has type {} and cannot have fields",
                                                field.name, name_of(field.type.kind)));
    }
    TRY(check_field({x_file, x_schema.profile, owner.versions}, field));
    return field;
}

Status Parser::resolve_structure(const Line& line, const std::string& type_name, Structure& owner,
                                 Field& field) {
    field.type.kind = TypeKind::structure;
    if (!more() || current().depth <= line.depth) {
        const std::optional<std::size_t> found = find_structure(type_name);
        if (!found) {
            return fail_here(line, fmt::format("type {} is not known here; declare it above as a "
                                               "struct, or indent its fields below this line",
                                               type_name));
        }
        field.type.structure = *found;
        return {};
    }
    if (find_structure(type_name)) {
        return fail_here(line, fmt::format("struct {} exists already; either give it fields or "
                                           "name it",
                                           type_name));
    }
    Structure inner;
    inner.cpp_name = x_scopes.back().cpp_name + type_name;
    inner.alias = type_name;
    inner.versions = owner.versions;
    inner.line = line.number;
    field.type.structure = TRY(parse_body(std::move(inner), line.depth + 1));
    owner.inner.push_back(field.type.structure);
    x_scopes.back().inner[type_name] = field.type.structure;
    return {};
}

std::optional<std::size_t> Parser::find_structure(const std::string& name) const {
    for (auto scope = x_scopes.rbegin(); scope != x_scopes.rend(); ++scope) {
        const auto it = scope->inner.find(name);
        if (it != scope->inner.end()) {
            return it->second;
        }
    }
    return std::nullopt;
}

}  // namespace

Result<Schema> parse_schema(std::string_view file, std::string_view text) {
    std::vector<Line> lines = TRY(split_lines(file, text));
    return Parser(file, std::move(lines)).run();
}

}  // namespace millrace::codegen
