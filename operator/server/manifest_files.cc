#include "operator/server/manifest_files.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"
#include "operator/server/resource_types.h"
#include "operator/server/yaml_stream.h"

namespace millrace::kube_operator::server {
namespace {

using nlohmann::json;

constexpr std::uint64_t kFileBytesMax = 4 << 20;

Result<ManifestObject> manifest_of(const std::string& file, json object) {
    const std::string kind = kube::text_at(object, {"kind"});
    const std::string name = kube::text_at(object, {"metadata", "name"});
    if (kind.empty() || name.empty()) {
        return fail(Errc::invalid_argument,
                    fmt::format("{}: a document has no kind or no metadata.name", file));
    }
    const kube::ResourceType* type = find_type(kind);
    if (type == nullptr || type->api_version() != kube::text_at(object, {"apiVersion"})) {
        return fail(Errc::invalid_argument,
                    fmt::format("{}: {} of {} cannot be applied at start", file, kind,
                                kube::text_at(object, {"apiVersion"})));
    }
    if (type->namespaced && !object["metadata"].contains("namespace")) {
        object["metadata"]["namespace"] = "default";
    }
    return ManifestObject{file, *type, std::make_shared<const json>(std::move(object))};
}

struct Run {
    kube::Client& client;
    std::vector<ManifestObject> objects;
    std::move_only_function<void(Status)> then;
    std::size_t next = 0;
};

void next_object(const std::shared_ptr<Run>& run) {
    if (run->next == run->objects.size()) {
        run->then({});
        return;
    }
    const ManifestObject& at = run->objects[run->next++];
    run->client.apply(at.type, at.object, {kube::Subresource::none, true},
                      [run, &at](const Result<kube::JsonPtr>& stored) {
                          if (!stored) {
                              run->then(fail(stored.error().code,
                                             fmt::format("{}: {} {}: {}", at.file, at.type.kind,
                                                         kube::name_of(*at.object).to_string(),
                                                         stored.error().message)));
                              return;
                          }
                          log_info("operator", "applied {} {} of {}", at.type.kind,
                                   kube::name_of(*at.object).to_string(), at.file);
                          next_object(run);
                      });
}

}  // namespace

Result<std::vector<ManifestObject>> read_manifests(runtime::FileSystem& files,
                                                   const std::vector<std::string>& paths) {
    std::vector<ManifestObject> manifests;
    for (const std::string& path : paths) {
        const Result<Bytes> bytes = files.read_file(path, kFileBytesMax);
        if (!bytes) {
            return fail(Errc::invalid_argument, bytes.error().message);
        }
        Result<std::vector<json>> objects = read_yaml_stream(as_text(*bytes));
        if (!objects) {
            return fail(Errc::invalid_argument,
                        fmt::format("{}: {}", path, objects.error().message));
        }
        for (json& object : *objects) {
            manifests.push_back(TRY(manifest_of(path, std::move(object))));
        }
    }
    return manifests;
}

void apply_manifests(kube::Client& client, std::vector<ManifestObject> objects,
                     std::move_only_function<void(Status)> then) {
    next_object(std::make_shared<Run>(client, std::move(objects), std::move(then)));
}

}  // namespace millrace::kube_operator::server
