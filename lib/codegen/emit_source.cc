#include <algorithm>

#include "lib/codegen/code_writer.h"
#include "lib/codegen/cpp_terms.h"
#include "lib/codegen/emit.h"

namespace millrace::codegen {
namespace {

// Emits the bodies of one schema. `wire_version` and `flexible` are parameters of the emitted Kafka functions.
class SourceEmitter {
 public:
    SourceEmitter(const Schema& schema, CodeWriter& out) : x_schema(schema), x_out(out) {}

    void structure(const Structure& structure);
    void message(const Message& message);

 private:
    bool jute() const { return x_schema.profile == Profile::jute; }
    // ", flexible" behind the cursor in Kafka, nothing in jute.
    std::string_view context() const { return jute() ? "" : ", flexible"; }
    std::string_view write_name() const { return jute() ? "encode" : "write"; }

    void jute_decode(const Structure& structure);
    void read_body(const Structure& structure);
    void write_body(const Structure& structure);
    void read_tags(const Structure& structure);
    void write_tags(const Structure& structure);
    void read_field(const Field& field, std::string_view reader);
    void write_field(const Field& field, std::string_view writer);
    void open_condition(const std::string& condition);
    void close_condition(const std::string& condition);
    void check_absent(const Structure& structure, const Field& field);
    std::string null_argument(const Field& field) const;
    std::string read_value(const FieldType& type, std::string_view reader) const;
    std::string write_value(const FieldType& type, std::string_view writer,
                            std::string_view value) const;

    const Schema& x_schema;
    CodeWriter& x_out;
};

std::string SourceEmitter::read_value(const FieldType& type, std::string_view reader) const {
    switch (type.kind) {
        case TypeKind::boolean:
            return fmt::format("{}.boolean()", reader);
        case TypeKind::int8:
        case TypeKind::int16:
        case TypeKind::uint16:
        case TypeKind::int32:
        case TypeKind::uint32:
        case TypeKind::int64:
        case TypeKind::float64:
            return fmt::format("{}.{}()", reader, name_of(type.kind));
        case TypeKind::string:
        case TypeKind::bytes:
            return fmt::format("read_{}({}{})", name_of(type.kind), reader, context());
        case TypeKind::buffer:
        case TypeKind::uuid:
            return fmt::format("read_{}({})", name_of(type.kind), reader);
        case TypeKind::records:
        case TypeKind::structure:
            break;
    }
    return {};
}

std::string SourceEmitter::write_value(const FieldType& type, std::string_view writer,
                                       std::string_view value) const {
    switch (type.kind) {
        case TypeKind::boolean:
            return fmt::format("{}.boolean({})", writer, value);
        case TypeKind::int8:
        case TypeKind::int16:
        case TypeKind::uint16:
        case TypeKind::int32:
        case TypeKind::uint32:
        case TypeKind::int64:
        case TypeKind::float64:
            return fmt::format("{}.{}({})", writer, name_of(type.kind), value);
        case TypeKind::string:
        case TypeKind::bytes:
            return fmt::format("write_{}({}, {}{})", name_of(type.kind), writer, value, context());
        case TypeKind::buffer:
        case TypeKind::uuid:
            return fmt::format("write_{}({}, {})", name_of(type.kind), writer, value);
        case TypeKind::structure:
            return fmt::format("{}.{}({}{})", value, write_name(), writer,
                               structure_arguments(x_schema.profile));
        case TypeKind::records:
            break;
    }
    return {};
}

// Jute knows null everywhere it is declared; Kafka's helpers are told whether this version does.
std::string SourceEmitter::null_argument(const Field& field) const {
    return jute() ? "" : fmt::format(", {}", null_condition(field));
}

void SourceEmitter::open_condition(const std::string& condition) {
    if (condition != "true") {
        x_out.open("if ({}) {{", condition);
    }
}

void SourceEmitter::close_condition(const std::string& condition) {
    if (condition != "true") {
        x_out.close();
    }
}

void SourceEmitter::read_field(const Field& field, std::string_view reader) {
    const FieldType& type = field.type;
    const std::string_view arguments = structure_arguments(x_schema.profile);
    const std::string_view optional = is_optional(field) ? "optional_" : "";
    const std::string nulls = is_optional(field) ? null_argument(field) : "";
    if (type.array) {
        const std::string element = type.kind == TypeKind::structure
                                        ? fmt::format("element.read({}{})", reader, arguments)
                                        : fmt::format("element = {}", read_value(type, reader));
        x_out.line("read_{}array({}{}{}, {}, {},", optional, reader, context(), nulls, field.name,
                   min_wire_size(x_schema, type));
        x_out.line("    [&](auto& element) {{ {}; }});", element);
    } else if (type.kind == TypeKind::records) {
        x_out.line("{} = read_records({}{}{});", field.name, reader, context(),
                   null_argument(field));
    } else if (type.kind == TypeKind::structure && is_optional(field)) {
        x_out.open("if (read_presence({}{})) {{", reader, nulls);
        x_out.line("{}.emplace().read({}{});", field.name, reader, arguments);
        x_out.next("} else {");
        x_out.line("{}.reset();", field.name);
        x_out.close();
    } else if (type.kind == TypeKind::structure) {
        x_out.line("{}.read({}{});", field.name, reader, arguments);
    } else if (is_optional(field)) {
        x_out.line("{} = read_optional_{}({}{}{});", field.name, name_of(type.kind), reader,
                   context(), nulls);
    } else {
        x_out.line("{} = {};", field.name, read_value(type, reader));
    }
}

void SourceEmitter::write_field(const Field& field, std::string_view writer) {
    const FieldType& type = field.type;
    const std::string_view optional = is_optional(field) ? "optional_" : "";
    const std::string nulls = is_optional(field) ? null_argument(field) : "";
    if (type.array) {
        x_out.line("write_{}array({}, {}{}{},", optional, writer, field.name, context(), nulls);
        x_out.line("    [&](const auto& element) {{ {}; }});",
                   write_value(type, writer, "element"));
    } else if (type.kind == TypeKind::records) {
        x_out.line("write_records({}, {}{}{});", writer, field.name, context(),
                   null_argument(field));
    } else if (type.kind == TypeKind::structure && is_optional(field)) {
        x_out.line("write_presence({}, {}.has_value(){});", writer, field.name, nulls);
        x_out.open("if ({}.has_value()) {{", field.name);
        x_out.line("{}->write({}{});", field.name, writer, structure_arguments(x_schema.profile));
        x_out.close();
    } else if (is_optional(field)) {
        x_out.line("write_optional_{}({}, {}{}{});", name_of(type.kind), writer, field.name,
                   context(), nulls);
    } else {
        x_out.line("{};", write_value(type, writer, field.name));
    }
}

// A value that a version cannot carry must not vanish, unless the schema says that it may.
void SourceEmitter::check_absent(const Structure& structure, const Field& field) {
    if (field.ignorable) {
        return;
    }
    const std::string condition = version_condition(field.versions, structure.versions);
    const std::string plain = is_default(x_schema, field);
    const std::string message = fmt::format("{}.{} is set, and this version does not carry it",
                                            structure.cpp_name, field.name);
    if (field.tag) {
        const std::string carried =
            condition == "true" ? "flexible" : fmt::format("(flexible && {})", condition);
        x_out.line("CHECK({} || {}, \"{}\");", carried, plain, message);
    } else if (condition != "true") {
        x_out.line("CHECK(({}) || {}, \"{}\");", condition, plain, message);
    }
}

void SourceEmitter::read_tags(const Structure& structure) {
    x_out.open("if (flexible) {{");
    if (std::ranges::none_of(structure.fields, [](const Field& f) { return f.tag.has_value(); })) {
        x_out.line("skip_tags(reader);");
        x_out.close();
        return;
    }
    x_out.open("for_each_tag(reader, [&](std::uint32_t tag_number, wire::Reader& tag_body) {{");
    x_out.open("switch (tag_number) {{");
    for (const Field& field : structure.fields) {
        if (!field.tag) {
            continue;
        }
        const std::string condition = version_condition(field.versions, structure.versions);
        x_out.open("case {}:", *field.tag);
        open_condition(condition);
        read_field(field, "tag_body");
        x_out.line("return true;");
        if (condition != "true") {
            x_out.close();
            x_out.line("return false;");
        }
        x_out.outdent();
    }
    x_out.open("default:");
    x_out.line("return false;");
    x_out.outdent();
    x_out.close();
    x_out.close("});");
    x_out.close();
}

void SourceEmitter::write_tags(const Structure& structure) {
    std::vector<const Field*> tagged;
    for (const Field& field : structure.fields) {
        if (field.tag) {
            tagged.push_back(&field);
        }
    }
    std::ranges::sort(tagged, {}, [](const Field* field) { return *field->tag; });
    x_out.open("if (flexible) {{");
    if (tagged.empty()) {
        x_out.line("writer.unsigned_varint(0);");
        x_out.close();
        return;
    }
    x_out.line("TaggedFields tagged_fields;");
    for (const Field* field : tagged) {
        const std::string condition = version_condition(field->versions, structure.versions);
        const std::string unset = is_default(x_schema, *field);
        x_out.open("if ({}{}!({})) {{", condition == "true" ? "" : condition,
                   condition == "true" ? "" : " && ", unset);
        x_out.line("wire::Writer tag_body;");
        write_field(*field, "tag_body");
        x_out.line("tagged_fields.add({}, tag_body.view());", *field->tag);
        x_out.close();
    }
    x_out.line("tagged_fields.write_to(writer);");
    x_out.close();
}

void SourceEmitter::read_body(const Structure& structure) {
    for (const Field& field : structure.fields) {
        if (field.tag) {
            continue;
        }
        const std::string condition = version_condition(field.versions, structure.versions);
        open_condition(condition);
        read_field(field, "reader");
        close_condition(condition);
    }
    if (!jute()) {
        read_tags(structure);
    }
}

void SourceEmitter::write_body(const Structure& structure) {
    for (const Field& field : structure.fields) {
        check_absent(structure, field);
        if (field.tag) {
            continue;
        }
        const std::string condition = version_condition(field.versions, structure.versions);
        open_condition(condition);
        write_field(field, "writer");
        close_condition(condition);
    }
    if (!jute()) {
        write_tags(structure);
    }
}

void SourceEmitter::jute_decode(const Structure& structure) {
    x_out.open("Result<{0}> {0}::decode(wire::Reader& reader) {{", structure.cpp_name);
    x_out.line("{} decoded;", structure.cpp_name);
    x_out.line("decoded.read(reader);");
    x_out.open("if (!reader.ok()) [[unlikely]] {{");
    x_out.line("return malformed_record(\"{}\", reader);", structure.cpp_name);
    x_out.close();
    x_out.line("return decoded;");
    x_out.close();
    x_out.blank();
}

void SourceEmitter::structure(const Structure& structure) {
    const std::string_view rest =
        jute() ? ""
               : ", [[maybe_unused]] std::int16_t wire_version, [[maybe_unused]] bool flexible";
    x_out.open("void {}::read([[maybe_unused]] wire::Reader& reader{}) {{", structure.cpp_name,
               rest);
    read_body(structure);
    x_out.close();
    x_out.blank();
    x_out.open("void {}::{}([[maybe_unused]] wire::Writer& writer{}) const {{", structure.cpp_name,
               write_name(), rest);
    write_body(structure);
    x_out.close();
    x_out.blank();
    if (jute()) {
        jute_decode(structure);
    }
}

void SourceEmitter::message(const Message& message) {
    const std::string& name = x_schema.structures[message.structure].cpp_name;
    x_out.open("Result<{0}> {0}::decode(wire::Reader& reader, std::int16_t wire_version) {{", name);
    x_out.open("if (wire_version < kMinVersion || wire_version > kMaxVersion) [[unlikely]] {{");
    x_out.line("return version_outside(\"{}\", kMinVersion, kMaxVersion, wire_version);", name);
    x_out.close();
    x_out.line("{} decoded;", name);
    x_out.line("decoded.read(reader, wire_version, wire_version >= kFirstFlexible);");
    x_out.open("if (!reader.ok()) [[unlikely]] {{");
    x_out.line("return malformed_message(\"{}\", wire_version, reader);", name);
    x_out.close();
    x_out.line("return decoded;");
    x_out.close();
    x_out.blank();
    x_out.open("void {}::encode(wire::Writer& writer, std::int16_t wire_version) const {{", name);
    x_out.line("CHECK(wire_version >= kMinVersion && wire_version <= kMaxVersion, \"{}\");", name);
    x_out.line("write(writer, wire_version, wire_version >= kFirstFlexible);");
    x_out.close();
    x_out.blank();
}

}  // namespace

std::string emit_source(const Schema& schema, std::string_view stem) {
    CodeWriter out;
    const bool jute = schema.profile == Profile::jute;
    out.line("// Generated from {}; do not edit.", schema.file);
    out.line("#include \"{}.h\"", stem);
    out.blank();
    out.line("#include \"lib/base/check.h\"");
    out.line("#include \"{}\"", jute ? "lib/zk/jute_codec.h" : "lib/kafka/message_codec.h");
    out.blank();
    out.line("namespace {} {{", namespace_of(schema.profile));
    out.blank();
    SourceEmitter emitter(schema, out);
    for (const Structure& structure : schema.structures) {
        emitter.structure(structure);
    }
    for (const Message& message : schema.messages) {
        emitter.message(message);
    }
    out.line("}}  // namespace {}", namespace_of(schema.profile));
    return out.take();
}

}  // namespace millrace::codegen
