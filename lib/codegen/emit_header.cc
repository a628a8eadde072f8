#include <algorithm>

#include "lib/codegen/code_writer.h"
#include "lib/codegen/cpp_terms.h"
#include "lib/codegen/emit.h"

namespace millrace::codegen {
namespace {

bool uses(const Schema& schema, TypeKind kind) {
    return std::ranges::any_of(schema.structures, [&](const Structure& structure) {
        return std::ranges::any_of(structure.fields,
                                   [&](const Field& field) { return field.type.kind == kind; });
    });
}

const Message* message_of(const Schema& schema, std::size_t structure) {
    const auto it = std::ranges::find(schema.messages, structure, &Message::structure);
    return it == schema.messages.end() ? nullptr : &*it;
}

void emit_constants(CodeWriter& out, const Message& message) {
    if (message.api_key) {
        out.line("static constexpr std::int16_t kApiKey = {};", *message.api_key);
    }
    out.line("static constexpr std::int16_t kMinVersion = {};", message.versions.first);
    out.line("static constexpr std::int16_t kMaxVersion = {};", message.versions.last);
    out.line("static constexpr std::int16_t kFirstFlexible = {};", message.first_flexible);
    out.blank();
}

void emit_functions(CodeWriter& out, const Schema& schema, const Structure& structure,
                    const Message* message) {
    const std::string& name = structure.cpp_name;
    if (schema.profile == Profile::jute) {
        out.line("static millrace::Result<{}> decode(wire::Reader& reader);", name);
        out.line("void read(wire::Reader& reader);");
        out.line("void encode(wire::Writer& writer) const;");
    } else {
        if (message != nullptr) {
            out.line(
                "static millrace::Result<{}> decode(wire::Reader& reader, std::int16_t wire_version);",
                name);
            out.line("void encode(wire::Writer& writer, std::int16_t wire_version) const;");
        }
        out.line("void read(wire::Reader& reader, std::int16_t wire_version, bool flexible);");
        out.line(
            "void write(wire::Writer& writer, std::int16_t wire_version, bool flexible) const;");
    }
    out.line("bool operator==(const {}&) const = default;", name);
}

void emit_structure(CodeWriter& out, const Schema& schema, std::size_t index) {
    const Structure& structure = schema.structures[index];
    const Message* message = message_of(schema, index);
    out.open("struct {} {{", structure.cpp_name);
    for (const std::size_t inner : structure.inner) {
        const Structure& type = schema.structures[inner];
        out.line("using {} = {};", type.alias, type.cpp_name);
    }
    if (!structure.inner.empty()) {
        out.blank();
    }
    if (message != nullptr) {
        emit_constants(out, *message);
    }
    for (const Field& field : structure.fields) {
        out.line("{} {}{};", field_type(schema, field), field.name,
                 member_initializer(schema, field));
    }
    if (!structure.fields.empty()) {
        out.blank();
    }
    emit_functions(out, schema, structure, message);
    out.close("};");
    out.blank();
}

}  // namespace

std::string emit_header(const Schema& schema) {
    CodeWriter out;
    out.line("// Generated from {}; do not edit.", schema.file);
    out.line("#pragma once");
    out.blank();
    for (const std::string_view header : {"cstdint", "optional", "string", "vector"}) {
        out.line("#include <{}>", header);
    }
    out.blank();
    out.line("#include \"lib/base/bytes.h\"");
    out.line("#include \"lib/base/result.h\"");
    if (uses(schema, TypeKind::records)) {
        out.line("#include \"lib/kafka/records.h\"");
    }
    if (uses(schema, TypeKind::uuid)) {
        out.line("#include \"lib/kafka/uuid.h\"");
    }
    out.line("#include \"lib/wire/reader.h\"");
    out.line("#include \"lib/wire/writer.h\"");
    out.blank();
    out.line("namespace {} {{", namespace_of(schema.profile));
    out.blank();
    for (std::size_t i = 0; i < schema.structures.size(); ++i) {
        emit_structure(out, schema, i);
    }
    out.line("}}  // namespace {}", namespace_of(schema.profile));
    return out.take();
}

}  // namespace millrace::codegen
