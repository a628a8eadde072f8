#include "operator/server/yaml_stream.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/yaml_text.h"

namespace millrace::kube_operator::server {
namespace {

using nlohmann::json;

// Three dashes at the start of a line separate documents wherever they stand, in block texts too.
std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> documents(1);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1);
        const std::string_view line = text.substr(0, end + 1);
        text.remove_prefix(end + 1);
        const bool is_marker =
            line.starts_with("---") && (line.size() == 3 || std::isspace(line[3]) != 0);
        if (is_marker) {
            documents.emplace_back();
            documents.back().append(line.substr(3));
        } else {
            documents.back().append(line);
        }
    }
    return documents;
}

// Plain only where no reader can take it for anything else.
bool is_plain(std::string_view text) {
    static constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no",
                                                  "on",   "off",   "y",    "n"};
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    std::string lower;
    for (const char c : text) {
        const bool fits =
            is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/' || c == '_';
        if (!fits) {
            return false;
        }
        lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    }
    return !text.empty() && is_letter(text.front()) &&
           std::ranges::find(kWords, lower) == std::end(kWords);
}

std::string scalar(const json& value) {
    if (value.is_string() && is_plain(value.get_ref<const std::string&>())) {
        return value.get<std::string>();
    }
    return kube::to_text(value);  // JSON's scalars and empty collections are YAML too
}

bool is_block(const json& value) {
    return (value.is_object() || value.is_array()) && !value.empty();
}

void write(const json& value, std::size_t indent, std::string& out);

void write_member(const json& value, std::size_t indent, std::string& out) {
    if (is_block(value)) {
        out += '\n';
        // Items of a list stand below their key, not right of it.
        write(value, value.is_array() ? indent : indent + 2, out);
    } else {
        out += ' ' + scalar(value) + '\n';
    }
}

void write_item(const json& item, std::size_t indent, std::string& out) {
    if (!is_block(item)) {
        out += std::string(indent, ' ') + "- " + scalar(item) + '\n';
        return;
    }
    std::string inner;
    write(item, indent + 2, inner);
    inner[indent] = '-';
    out += inner;
}

void write(const json& value, std::size_t indent, std::string& out) {
    if (value.is_array()) {
        for (const json& item : value) {
            write_item(item, indent, out);
        }
        return;
    }
    for (const auto& [key, member] : value.items()) {
        out += std::string(indent, ' ') + (is_plain(key) ? key : kube::to_text(key)) + ':';
        write_member(member, indent, out);
    }
}

}  // namespace

Result<std::vector<json>> read_yaml_stream(std::string_view text) {
    std::vector<json> objects;
    std::size_t number = 0;
    for (const std::string& document : split(text)) {
        ++number;
        Result<json> value = local::parse_yaml(document);
        if (!value) {
            return fail(value.error().code,
                        fmt::format("document {}: {}", number, value.error().message));
        }
        if (!value->is_null()) {
            objects.push_back(std::move(*value));
        }
    }
    return objects;
}

std::string to_yaml(const json& value) {
    if (!is_block(value)) {
        return scalar(value) + '\n';
    }
    std::string out;
    write(value, 0, out);
    return out;
}

}  // namespace millrace::kube_operator::server
