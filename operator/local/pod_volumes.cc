#include "operator/local/pod_volumes.h"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

constexpr std::size_t kFileMax = 4 << 20;

std::string decoded(const std::string& base64) {
    std::string out(base64.size(), '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(base64.data()),
                                     static_cast<int>(base64.size()));
    if (size < 0) {
        return {};
    }
    // The library counts the padding as bytes.
    const std::size_t padding = base64.ends_with("==") ? 2 : base64.ends_with('=') ? 1 : 0;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

// Whether a file's text is configuration, whose paths and addresses mean the pod's own.
bool is_configuration(const std::string& plural, const std::string& key) {
    return plural == "configmaps" || key.ends_with(".properties") || key.ends_with(".cfg") ||
           key.ends_with(".conf");
}

struct Source {
    std::string plural;
    std::string name;
    bool optional = false;
    const Json* items = nullptr;
};

std::optional<Source> source_of(const Json& volume) {
    static const Json none;
    if (const Json& map = value_at(volume, {"configMap"}); map.is_object()) {
        return Source{"configmaps", text_at(map, {"name"}), kube::flag_at(map, {"optional"}),
                      &value_at(map, {"items"})};
    }
    if (const Json& secret = value_at(volume, {"secret"}); secret.is_object()) {
        const std::string name = text_at(secret, {"secretName"});
        return Source{"secrets", name.empty() ? text_at(secret, {"name"}) : name,
                      kube::flag_at(secret, {"optional"}), &value_at(secret, {"items"})};
    }
    return std::nullopt;
}

// A path below the volume: no way out of it.
bool is_inside(const std::string& path) {
    return !path.empty() && path.front() != '/' && path != ".." && !path.starts_with("../") &&
           path.find("/../") == std::string::npos && !path.ends_with("/..");
}

Status write_file(runtime::FileSystem& files, const std::string& path, const std::string& content) {
    if (files.exists(path)) {
        const Result<Bytes> present = files.read_file(path, kFileMax);
        if (present && as_text(*present) == content) {
            return {};
        }
    }
    TRY(files.make_directories(path.substr(0, path.rfind('/'))));
    return files.replace_file(path, as_bytes(content));
}

Status fill_source(runtime::FileSystem& files, const Source& source, const std::string& directory,
                   const PodView& view, const PodSources& sources) {
    const auto values = sources.map(source.plural, source.name);
    if (!values) {
        return source.optional ? Status()
                               : fail(Errc::not_found, fmt::format("{} \"{}\" not found",
                                                                   source.plural, source.name));
    }
    std::map<std::string, std::string> paths;  // key -> path
    if (source.items->is_array()) {
        for (const Json& item : *source.items) {
            paths[text_at(item, {"key"})] = text_at(item, {"path"});
        }
    } else {
        for (const auto& [key, value] : *values) {
            paths[key] = key;
        }
    }
    for (const auto& [key, path] : paths) {
        auto value = values->find(key);
        if (value == values->end() || !is_inside(path)) {
            if (source.optional) {
                continue;
            }
            return fail(Errc::not_found,
                        fmt::format("{} \"{}\" has no key \"{}\" or its path leaves the volume",
                                    source.plural, source.name, key));
        }
        const std::string content =
            is_configuration(source.plural, key) ? localized(value->second, view) : value->second;
        TRY(write_file(files, runtime::join_path(directory, path), content));
    }
    return {};
}

Status fill_downward(runtime::FileSystem& files, const Json& pod, const Json& items,
                     const std::string& directory) {
    for (const Json& item : items) {
        const std::string path = text_at(item, {"path"});
        const std::optional<std::string> value =
            downward_field(pod, text_at(item, {"fieldRef", "fieldPath"}));
        if (!value || !is_inside(path)) {
            return fail(Errc::unsupported,
                        fmt::format("the downward item \"{}\" is not offered", path));
        }
        TRY(write_file(files, runtime::join_path(directory, path), *value));
    }
    return {};
}

}  // namespace

std::string claim_directory(const std::string& claims_directory, const nlohmann::json& claim) {
    return fmt::format("{}/{}_{}_{}", claims_directory, text_at(claim, {"metadata", "namespace"}),
                       text_at(claim, {"metadata", "name"}),
                       text_at(claim, {"metadata", "uid"}).substr(0, 8));
}

PodSources sources_of(const Store& store, const std::string& name_space) {
    PodSources out;
    out.map = [&store, name_space](
                  const std::string& plural,
                  const std::string& name) -> std::optional<std::map<std::string, std::string>> {
        const JsonPtr object = store.find({plural, name_space, name});
        if (!object) {
            return std::nullopt;
        }
        const bool secret = plural == "secrets";
        std::map<std::string, std::string> values;
        for (const auto& [key, value] : value_at(*object, {"data"}).items()) {
            values[key] = secret ? decoded(value.get<std::string>()) : value.get<std::string>();
        }
        for (const auto& [key, value] : value_at(*object, {"binaryData"}).items()) {
            values[key] = decoded(value.get<std::string>());
        }
        return values;
    };
    out.key = [map = out.map](const std::string& plural, const std::string& name,
                              const std::string& key) -> std::optional<std::string> {
        const auto values = map(plural, name);
        auto found =
            values ? values->find(key) : std::map<std::string, std::string>::const_iterator();
        return values && found != values->end() ? std::optional(found->second) : std::nullopt;
    };
    return out;
}

Result<std::map<std::string, std::string>> volume_directories(const nlohmann::json& pod,
                                                              const VolumePlaces& places,
                                                              const Store& store) {
    std::map<std::string, std::string> out;
    for (const Json& volume : value_at(pod, {"spec", "volumes"})) {
        const std::string name = text_at(volume, {"name"});
        const std::string claim_name = text_at(volume, {"persistentVolumeClaim", "claimName"});
        if (!claim_name.empty()) {
            const JsonPtr claim = store.find(
                {"persistentvolumeclaims", text_at(pod, {"metadata", "namespace"}), claim_name});
            if (!claim) {
                return fail(Errc::not_found,
                            fmt::format("persistentvolumeclaim \"{}\" not found", claim_name));
            }
            out[name] = claim_directory(places.claims_directory, *claim);
            continue;
        }
        const bool offered = source_of(volume) || volume.contains("emptyDir") ||
                             volume.contains("projected") || volume.contains("downwardAPI");
        if (!offered) {
            return fail(Errc::unsupported,
                        fmt::format("the kind of volume \"{}\" is not offered here", name));
        }
        out[name] = fmt::format("{}/volumes/{}", places.pod_directory, name);
    }
    return out;
}

Status fill_volumes(runtime::FileSystem& files, const nlohmann::json& pod,
                    const std::map<std::string, std::string>& directories, const PodView& view,
                    const PodSources& sources) {
    for (const Json& volume : value_at(pod, {"spec", "volumes"})) {
        const std::string& directory = directories.at(text_at(volume, {"name"}));
        TRY(files.make_directories(directory));
        if (const std::optional<Source> source = source_of(volume)) {
            TRY(fill_source(files, *source, directory, view, sources));
        }
        TRY(fill_downward(files, pod, value_at(volume, {"downwardAPI", "items"}), directory));
        for (const Json& part : value_at(volume, {"projected", "sources"})) {
            if (const std::optional<Source> source = source_of(part)) {
                TRY(fill_source(files, *source, directory, view, sources));
            }
            TRY(fill_downward(files, pod, value_at(part, {"downwardAPI", "items"}), directory));
        }
    }
    return {};
}

std::map<std::string, std::string> container_mounts(
    const nlohmann::json& container, const std::map<std::string, std::string>& directories) {
    std::map<std::string, std::string> out;
    for (const Json& mount : value_at(container, {"volumeMounts"})) {
        auto found = directories.find(text_at(mount, {"name"}));
        std::string path = text_at(mount, {"mountPath"});
        while (path.size() > 1 && path.ends_with('/')) {
            path.pop_back();
        }
        if (found == directories.end() || path.size() < 2) {
            continue;
        }
        const std::string sub = text_at(mount, {"subPath"});
        out[path] = sub.empty() ? found->second : runtime::join_path(found->second, sub);
    }
    return out;
}

}  // namespace millrace::kube_operator::local
