#include "operator/local/request_path.h"

namespace millrace::kube_operator::local {
namespace {

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) {
        text.remove_prefix(1);
    }
    while (text.ends_with(' ')) {
        text.remove_suffix(1);
    }
    return text;
}

std::vector<std::string_view> split(std::string_view text, char by) {
    std::vector<std::string_view> parts;
    std::size_t start = 0;
    while (start <= text.size()) {
        const std::size_t end = std::min(text.find(by, start), text.size());
        parts.push_back(trimmed(text.substr(start, end - start)));
        start = end + 1;
    }
    return parts;
}

AnswerForm form_of(std::string_view media_range) {
    const std::vector<std::string_view> parts = split(media_range, ';');
    const bool json = parts[0] == "application/json" || parts[0] == "*/*" ||
                      parts[0] == "application/*" || parts[0].empty();
    if (!json) {
        return AnswerForm::none;
    }
    std::string_view as;
    std::string_view version;
    for (std::string_view part : parts) {
        if (part.starts_with("as=")) {
            as = part.substr(3);
        } else if (part.starts_with("v=")) {
            version = part.substr(2);
        }
    }
    if (as.empty()) {
        return AnswerForm::json;
    }
    if (as == "Table") {
        return version == "v1" ? AnswerForm::table : AnswerForm::none;
    }
    if (as.starts_with("PartialObjectMetadata")) {
        return AnswerForm::partial;
    }
    return as == "APIGroupDiscoveryList" && version == "v2" ? AnswerForm::discovery
                                                            : AnswerForm::none;
}

}  // namespace

std::vector<std::string> split_segments(std::string_view path) {
    std::vector<std::string> out;
    for (std::string_view part : split(path, '/')) {
        if (!part.empty()) {
            out.emplace_back(part);
        }
    }
    return out;
}

std::optional<ResourcePath> parse_resource_path(std::string_view path) {
    const std::vector<std::string> parts = split_segments(path);
    const bool core = !parts.empty() && parts[0] == "api";
    const std::size_t head = core ? 2 : 3;
    if (parts.size() <= head || (!core && parts[0] != "apis")) {
        return std::nullopt;
    }
    ResourcePath out;
    out.group = core ? "" : parts[1];
    out.version = parts[head - 1];
    std::size_t at = head;
    const bool own_subresource =
        parts.size() == head + 3 && (parts[head + 2] == "status" || parts[head + 2] == "finalize");
    if (parts[at] == "namespaces" && parts.size() >= head + 3 && !(core && own_subresource)) {
        out.name_space = parts[at + 1];
        at += 2;
    }
    const std::size_t rest = parts.size() - at;
    if (rest > 3) {
        return std::nullopt;
    }
    out.plural = parts[at];
    out.name = rest > 1 ? parts[at + 1] : "";
    out.subresource = rest > 2 ? parts[at + 2] : "";
    return out;
}

AnswerForm choose_form(std::string_view accept) {
    if (trimmed(accept).empty()) {
        return AnswerForm::json;
    }
    for (std::string_view media_range : split(accept, ',')) {
        const AnswerForm form = form_of(media_range);
        if (form != AnswerForm::none) {
            return form;
        }
    }
    return AnswerForm::none;
}

BodyForm body_form(std::string_view content_type) {
    const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
    if (type.empty() || type == "application/json") {
        return BodyForm::json;
    }
    if (type == "application/yaml") {
        return BodyForm::yaml;
    }
    if (type == "application/merge-patch+json") {
        return BodyForm::merge_patch;
    }
    if (type == "application/json-patch+json") {
        return BodyForm::json_patch;
    }
    if (type == "application/strategic-merge-patch+json") {
        return BodyForm::strategic_patch;
    }
    return type == "application/apply-patch+yaml" ? BodyForm::apply_patch : BodyForm::other;
}

std::string manager_of(const std::map<std::string, std::string>& query,
                       const std::string& user_agent) {
    auto found = query.find("fieldManager");
    if (found != query.end() && !found->second.empty()) {
        return found->second.substr(0, 128);
    }
    const std::string name = user_agent.substr(0, std::min<std::size_t>(user_agent.find('/'), 128));
    return name.empty() ? "unknown" : name;
}

}  // namespace millrace::kube_operator::local
