#include <algorithm>

#include "lib/codegen/code_writer.h"
#include "lib/codegen/cpp_terms.h"
#include "lib/codegen/emit.h"

namespace millrace::codegen {
namespace {

std::string function_name(std::string_view stem) {
    std::string name(stem);
    std::ranges::replace(name, '/', '_');
    return name;
}

std::string random_value(const FieldType& type) {
    switch (type.kind) {
        case TypeKind::boolean:
            return "random.chance(0.5)";
        case TypeKind::int8:
            return "sample::integer<std::int8_t>(random)";
        case TypeKind::int16:
            return "sample::integer<std::int16_t>(random)";
        case TypeKind::uint16:
            return "sample::integer<std::uint16_t>(random)";
        case TypeKind::int32:
            return "sample::integer<std::int32_t>(random)";
        case TypeKind::uint32:
            return "sample::integer<std::uint32_t>(random)";
        case TypeKind::int64:
            return "sample::integer<std::int64_t>(random)";
        case TypeKind::float64:
            return "sample::real(random)";
        case TypeKind::string:
            return "sample::text(random)";
        case TypeKind::bytes:
            return "sample::bytes(random)";
        case TypeKind::buffer:
            return "sample::buffer(random)";
        case TypeKind::uuid:
            return "sample::uuid<Uuid>(random)";
        case TypeKind::records:
            return "sample::records<Records>(random)";
        case TypeKind::structure:
            break;
    }
    return {};
}

void emit_filled(CodeWriter& out, const Field& field) {
    const FieldType& type = field.type;
    const std::string member = fmt::format("{}value.{}", is_optional(field) ? "*" : "", field.name);
    const bool structure = type.kind == TypeKind::structure;
    if (is_optional(field)) {
        out.line("value.{}.emplace();", field.name);
    }
    if (type.array) {
        out.open("for (std::uint64_t left = random.below(4); left > 0; --left) {{");
        const std::string vector = is_optional(field) ? "(" + member + ")" : member;
        if (structure) {
            out.line("fill(random, {}.emplace_back(), wire_version, flexible);", vector);
        } else {
            out.line("{}.push_back({});", vector, random_value(type));
        }
        out.close();
    } else if (structure) {
        out.line("fill(random, {}, wire_version, flexible);", member);
    } else {
        out.line("{} = {};", member, random_value(type));
    }
}

void emit_field(CodeWriter& out, const Schema& schema, const Structure& structure,
                const Field& field) {
    std::string condition = version_condition(field.versions, structure.versions);
    if (field.tag) {
        condition = condition == "true" ? "flexible" : "flexible && " + condition;
    }
    out.open("if ({}) {{", condition);
    if (!field.nullable) {
        emit_filled(out, field);
        out.close();
        return;
    }
    const std::string nulls = schema.profile == Profile::jute ? "true" : null_condition(field);
    out.open("if (({}) && random.chance(0.25)) {{", nulls);
    out.line(
        fmt::runtime(is_optional(field) ? "value.{}.reset();" : "value.{} = {{true, {{}}, 0, 0}};"),
        field.name);
    out.next("} else {");
    emit_filled(out, field);
    out.close();
    out.close();
}

void emit_fill(CodeWriter& out, const Schema& schema, const Structure& structure) {
    out.line("void fill([[maybe_unused]] Random& random, [[maybe_unused]] {}& value,",
             structure.cpp_name);
    out.open(
        "          [[maybe_unused]] std::int16_t wire_version, [[maybe_unused]] bool flexible) {{");
    for (const Field& field : structure.fields) {
        emit_field(out, schema, structure, field);
    }
    out.close();
    out.blank();
}

}  // namespace

std::string emit_samples(const Schema& schema, std::string_view stem, std::string_view list_stem) {
    CodeWriter out;
    out.line("// Generated from {}; do not edit. Test-only.", schema.file);
    out.line("#include \"{}.h\"", stem);
    out.blank();
    out.line("#include \"tests/support/codec_probe.h\"");
    out.line("#include \"tests/support/codec_sample.h\"");
    out.line("#include \"{}.h\"", list_stem);
    out.blank();
    out.line("namespace {} {{", namespace_of(schema.profile));
    out.line("namespace {{");
    out.blank();
    for (const Structure& structure : schema.structures) {
        emit_fill(out, schema, structure);
    }
    out.line("}}  // namespace");
    out.line("}}  // namespace {}", namespace_of(schema.profile));
    out.blank();
    out.line("namespace millrace::tests {{");
    out.open("void {}_probes(std::vector<CodecProbe>& probes) {{", function_name(stem));
    const auto probe = [&](const Structure& structure) {
        out.line("probes.push_back(probe_of<{0}::{1}, {0}::fill>(\"{1}\"));",
                 namespace_of(schema.profile), structure.cpp_name);
    };
    if (schema.profile == Profile::jute) {
        std::ranges::for_each(schema.structures, probe);
    }
    for (const Message& message : schema.messages) {
        probe(schema.structures[message.structure]);
    }
    out.close();
    out.line("}}  // namespace millrace::tests");
    return out.take();
}

std::string emit_samples_header(std::string_view stem) {
    CodeWriter out;
    out.line(
        "// Generated; do not edit. Test-only: one probe for every message of the schemas of a folder.");
    out.line("#pragma once");
    out.blank();
    out.line("#include <vector>");
    out.blank();
    out.line("#include \"tests/support/codec_probe.h\"");
    out.blank();
    out.line("namespace millrace::tests {{");
    out.line("const std::vector<CodecProbe>& {}();", function_name(stem));
    out.line("}}  // namespace millrace::tests");
    return out.take();
}

std::string emit_samples_list(std::span<const std::string> stems, std::string_view list_stem) {
    CodeWriter out;
    out.line("// Generated; do not edit. Test-only.");
    out.line("#include \"{}.h\"", list_stem);
    out.blank();
    out.line("namespace millrace::tests {{");
    for (const std::string& stem : stems) {
        out.line("void {}_probes(std::vector<CodecProbe>& probes);", function_name(stem));
    }
    out.blank();
    out.open("const std::vector<CodecProbe>& {}() {{", function_name(list_stem));
    out.open("static const std::vector<CodecProbe> kProbes = [] {{");
    out.line("std::vector<CodecProbe> probes;");
    for (const std::string& stem : stems) {
        out.line("{}_probes(probes);", function_name(stem));
    }
    out.line("return probes;");
    out.close("}();");
    out.line("return kProbes;");
    out.close();
    out.line("}}  // namespace millrace::tests");
    return out.take();
}

}  // namespace millrace::codegen
