#include <algorithm>

#include "lib/codegen/code_writer.h"
#include "lib/codegen/emit.h"

namespace millrace::codegen {

std::string emit_api_table(std::span<const Schema> schemas) {
    std::vector<const Message*> requests;
    for (const Schema& schema : schemas) {
        for (const Message& message : schema.messages) {
            if (message.kind == MessageKind::request) {
                requests.push_back(&message);
            }
        }
    }
    std::ranges::sort(requests, {}, [](const Message* request) { return *request->api_key; });
    CodeWriter out;
    out.line("// Generated from the requests of all schemas of this folder; do not edit.");
    out.line("#include \"lib/kafka/api_table.h\"");
    out.blank();
    out.line("#include <algorithm>");
    out.line("#include <array>");
    out.blank();
    out.line("namespace millrace::kafka {{");
    out.blank();
    out.open("std::span<const ApiInfo> all_apis() {{");
    out.open("static constexpr std::array<ApiInfo, {}> kApis = {{{{", requests.size());
    for (const Message* request : requests) {
        out.line("{{{}, \"{}\", {}, {}, {}}},", *request->api_key, request->name,
                 request->versions.first, request->versions.last, request->first_flexible);
    }
    out.close("}};");
    out.line("return kApis;");
    out.close();
    out.blank();
    out.open("const ApiInfo* find_api(std::int16_t key) {{");
    out.line("const std::span<const ApiInfo> apis = all_apis();");
    out.line("const auto it = std::ranges::lower_bound(apis, key, {{}}, &ApiInfo::key);");
    out.line("return it != apis.end() && it->key == key ? &*it : nullptr;");
    out.close();
    out.blank();
    out.line("}}  // namespace millrace::kafka");
    return out.take();
}

}  // namespace millrace::codegen
