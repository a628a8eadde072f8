#include "operator/local/pod_view.h"

#include <re2/re2.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/json_path.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

bool path_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

// Replaces what stands at a path's beginning and ends at a boundary. A slash before it means the middle of another path.
std::string with_mount(const std::string& text, const std::string& mount,
                       const std::string& directory) {
    std::string out;
    std::size_t start = 0;
    for (std::size_t at = text.find(mount); at != std::string::npos;
         at = text.find(mount, at + 1)) {
        if (at < start) {
            continue;
        }
        const char before = at == 0 ? ' ' : text[at - 1];
        const std::size_t end = at + mount.size();
        const char after = end == text.size() ? ' ' : text[end];
        if (path_character(before) || before == '/' || path_character(after)) {
            continue;
        }
        out += text.substr(start, at - start) + directory;
        start = end;
    }
    return out + text.substr(start);
}

std::string with_address(std::string text, const std::string& address) {
    constexpr std::string_view kAny = "0.0.0.0";
    auto digit_or_dot = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    for (std::size_t at = text.find(kAny); at != std::string::npos; at = text.find(kAny, at)) {
        const std::size_t end = at + kAny.size();
        const bool whole = (at == 0 || !digit_or_dot(text[at - 1])) &&
                           (end == text.size() || (!digit_or_dot(text[end]) && text[end] != '/'));
        if (whole) {
            text.replace(at, kAny.size(), address);
            at += address.size();
        } else {
            at = end;
        }
    }
    return text;
}

std::string with_pod_names(const std::string& text, const PodView& view) {
    static const RE2 name(
        R"(([a-z0-9][-a-z0-9]*)\.([a-z0-9][-a-z0-9]*)\.([a-z0-9][-a-z0-9]*)\.svc(?:\.cluster\.local)?)");
    std::string out;
    re2::StringPiece rest(text);
    std::array<re2::StringPiece, 4> parts;
    while (name.Match(rest, 0, rest.size(), RE2::UNANCHORED, parts.data(),
                      static_cast<int>(parts.size()))) {
        const auto before = static_cast<std::size_t>(parts[0].data() - rest.data());
        out.append(rest.data(), before);
        out += view.resolve(std::string(parts[3]), std::string(parts[1]));
        rest.remove_prefix(before + parts[0].size());
    }
    out.append(rest.data(), rest.size());
    return out;
}

struct Reference {
    std::string plural;
    std::string name;
    std::string key;
    bool optional = false;
};

std::optional<Reference> key_reference(const Json& source) {
    for (const auto& [field, plural] :
         {std::pair("configMapKeyRef", "configmaps"), {"secretKeyRef", "secrets"}}) {
        const Json& reference = value_at(source, {field});
        if (reference.is_object()) {
            return Reference{plural, text_at(reference, {"name"}), text_at(reference, {"key"}),
                             value_at(reference, {"optional"}) == Json(true)};
        }
    }
    return std::nullopt;
}

// What is missing, or nothing.
std::string add_variable(const Json& pod, const Json& declared, const PodSources& sources,
                         std::map<std::string, std::string>& environment) {
    const std::string name = text_at(declared, {"name"});
    const Json& source = value_at(declared, {"valueFrom"});
    if (!source.is_object()) {
        environment[name] = expand_variables(text_at(declared, {"value"}), environment);
        return {};
    }
    const std::string field = text_at(source, {"fieldRef", "fieldPath"});
    if (!field.empty()) {
        const std::optional<std::string> value = downward_field(pod, field);
        environment[name] = value.value_or("");
        return value ? std::string()
                     : fmt::format("field {} is not offered to the environment", field);
    }
    const std::optional<Reference> reference = key_reference(source);
    if (!reference) {
        return {};
    }
    const std::optional<std::string> value =
        sources.key(reference->plural, reference->name, reference->key);
    if (value) {
        environment[name] = *value;
        return {};
    }
    return reference->optional ? std::string()
                               : fmt::format("{} \"{}\" has no key \"{}\"", reference->plural,
                                             reference->name, reference->key);
}

std::string add_whole_maps(const Json& container, const PodSources& sources,
                           std::map<std::string, std::string>& environment) {
    for (const Json& source : value_at(container, {"envFrom"})) {
        const bool secret = source.contains("secretRef");
        const Json& reference = value_at(source, {secret ? "secretRef" : "configMapRef"});
        const char* plural = secret ? "secrets" : "configmaps";
        const auto values = sources.map(plural, text_at(reference, {"name"}));
        if (!values && value_at(reference, {"optional"}) != Json(true)) {
            return fmt::format("{} \"{}\" not found", plural, text_at(reference, {"name"}));
        }
        for (const auto& [key, value] : values.value_or(std::map<std::string, std::string>())) {
            environment[text_at(source, {"prefix"}) + key] = value;
        }
    }
    return {};
}

std::string image_program(const std::string& image) {
    std::string name =
        image.substr(image.rfind('/') == std::string::npos ? 0 : image.rfind('/') + 1);
    return name.substr(0, name.find_first_of(":@"));
}

}  // namespace

std::string localized(const std::string& text, const PodView& view) {
    std::string out = text;
    // Longer mount paths first: /data/logs before /data.
    std::vector<std::pair<std::string, std::string>> mounts(view.mounts.begin(), view.mounts.end());
    std::ranges::sort(mounts, std::greater<>(),
                      [](const auto& mount) { return mount.first.size(); });
    for (const auto& [mount, directory] : mounts) {
        out = with_mount(out, mount, directory);
    }
    return with_pod_names(with_address(std::move(out), view.address), view);
}

std::string expand_variables(const std::string& text,
                             const std::map<std::string, std::string>& environment) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '$' || at + 1 == text.size()) {
            out += text[at];
            continue;
        }
        if (text[at + 1] == '$') {
            out += '$';
            ++at;
            continue;
        }
        const std::size_t end = text[at + 1] == '(' ? text.find(')', at) : std::string::npos;
        const auto found = end == std::string::npos
                               ? environment.end()
                               : environment.find(text.substr(at + 2, end - at - 2));
        if (found == environment.end()) {
            out += text[at];
            continue;
        }
        out += found->second;
        at = end;
    }
    return out;
}

std::optional<std::string> downward_field(const nlohmann::json& pod, const std::string& path) {
    constexpr std::array<std::string_view, 8> kOffered = {
        "metadata.name",           "metadata.namespace", "metadata.uid",  "spec.nodeName",
        "spec.serviceAccountName", "status.podIP",       "status.hostIP", "status.podIPs"};
    const bool keyed =
        path.starts_with("metadata.labels[") || path.starts_with("metadata.annotations[");
    if (!keyed && std::ranges::find(kOffered, path) == kOffered.end()) {
        return std::nullopt;
    }
    const std::vector<const Json*> found = find_path(pod, "." + path);
    return found.empty() || !found[0]->is_string() ? std::string() : found[0]->get<std::string>();
}

CommandResult container_command(const nlohmann::json& pod, const nlohmann::json& container,
                                const PodView& view, const PodSources& sources) {
    CommandResult out;
    std::map<std::string, std::string>& environment = out.command.environment;
    environment["HOSTNAME"] = text_at(pod, {"metadata", "name"});
    environment["PATH"] = "/usr/local/bin:/usr/bin:/bin";
    out.missing = add_whole_maps(container, sources, environment);
    for (const Json& declared : value_at(container, {"env"})) {
        const std::string missing = add_variable(pod, declared, sources, environment);
        out.missing = out.missing.empty() ? missing : out.missing;
    }
    for (auto& [name, value] : environment) {
        value = localized(value, view);
    }
    for (const char* part : {"command", "args"}) {
        for (const Json& word : value_at(container, {part})) {
            if (word.is_string()) {
                out.command.argv.push_back(
                    localized(expand_variables(word.get<std::string>(), environment), view));
            }
        }
    }
    if (value_at(container, {"command"}).empty()) {
        out.command.argv.insert(out.command.argv.begin(),
                                image_program(text_at(container, {"image"})));
    }
    return out;
}

}  // namespace millrace::kube_operator::local
