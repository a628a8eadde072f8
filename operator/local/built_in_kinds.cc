#include "operator/local/built_in_kinds.h"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/quantity.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

void fill(Json& object, const char* key, Json value) {
    if (!object.contains(key) || object[key].is_null()) {
        object[key] = std::move(value);
    }
}

std::string base64(std::string_view text) {
    std::string out(4 * ((text.size() + 2) / 3), '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                    reinterpret_cast<const unsigned char*>(text.data()),
                    static_cast<int>(text.size()));
    return out;
}

void default_pod(Json& pod, bool creating) {
    Json& spec = pod["spec"];
    fill(spec, "restartPolicy", "Always");
    fill(spec, "terminationGracePeriodSeconds", 30);
    fill(spec, "dnsPolicy", "ClusterFirst");
    fill(spec, "schedulerName", "default-scheduler");
    fill(spec, "securityContext", Json::object());
    if (spec.contains("containers") && spec["containers"].is_array()) {
        for (Json& container : spec["containers"]) {
            if (!container.is_object()) {
                continue;
            }
            fill(container, "imagePullPolicy", "IfNotPresent");
            fill(container, "resources", Json::object());
            fill(container, "terminationMessagePath", "/dev/termination-log");
            fill(container, "terminationMessagePolicy", "File");
            if (auto ports = container.find("ports");
                ports != container.end() && ports->is_array()) {
                for (Json& port : *ports) {
                    fill(port, "protocol", "TCP");
                }
            }
        }
    }
    if (creating) {
        pod["status"] = {{"phase", "Pending"}, {"qosClass", "BestEffort"}};
    }
}

void default_service(Json& service, bool creating) {
    Json& spec = service["spec"];
    fill(spec, "type", "ClusterIP");
    fill(spec, "sessionAffinity", "None");
    // Nothing forwards packets here: every Service is headless, and clients use the addresses of pods.
    fill(spec, "clusterIP", "None");
    spec["clusterIPs"] = Json::array({spec["clusterIP"]});
    if (spec.contains("ports") && spec["ports"].is_array()) {
        for (Json& port : spec["ports"]) {
            fill(port, "protocol", "TCP");
            fill(port, "targetPort", value_at(port, {"port"}));
        }
    }
    if (creating) {
        service["status"] = {{"loadBalancer", Json::object()}};
    }
}

void default_claim(Json& claim, bool creating) {
    Json& spec = claim["spec"];
    fill(spec, "volumeMode", "Filesystem");
    if (creating) {
        // A directory is as good as bound.
        fill(spec, "volumeName", "pvc-" + text_at(claim, {"metadata", "uid"}));
        claim["status"] = {{"phase", "Bound"},
                           {"accessModes", value_at(spec, {"accessModes"})},
                           {"capacity", value_at(spec, {"resources", "requests"})}};
    } else if (claim.contains("status") && claim["status"].is_object()) {
        // Growing a directory needs nothing.
        claim["status"]["capacity"] = value_at(spec, {"resources", "requests"});
    }
}

void default_namespace(Json& object, bool creating) {
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] =
        value_at(object, {"metadata", "name"});
    if (creating) {
        object["spec"]["finalizers"] = {"kubernetes"};
        object["status"] = {{"phase", "Active"}};
    }
}

void default_secret(Json& secret) {
    fill(secret, "type", "Opaque");
    auto texts = secret.find("stringData");
    if (texts == secret.end() || !texts->is_object()) {
        return;
    }
    for (const auto& [key, value] : texts->items()) {
        if (value.is_string()) {
            secret["data"][key] = base64(value.get_ref<const std::string&>());
        }
    }
    secret.erase("stringData");
}

void default_definition(Json& definition, bool creating, WallTime now) {
    Json& names = definition["spec"]["names"];
    std::string kind = text_at(names, {"kind"});
    fill(names, "listKind", kind + "List");
    std::ranges::transform(kind, kind.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    fill(names, "singular", kind);
    fill(definition["spec"], "conversion", {{"strategy", "None"}});
    if (creating) {
        definition["metadata"]["finalizers"] = {"customresourcecleanup.apiextensions.k8s.io"};
        Json conditions = Json::array();
        for (const auto& [type, reason] :
             {std::pair("NamesAccepted", "NoConflicts"), {"Established", "InitialNamesAccepted"}}) {
            conditions.push_back({{"type", type},
                                  {"status", "True"},
                                  {"reason", reason},
                                  {"message", "the definition has been accepted"},
                                  {"lastTransitionTime", to_iso8601(now)}});
        }
        definition["status"] = {{"conditions", std::move(conditions)}};
    }
    Json stored = Json::array();
    for (const Json& version : value_at(definition, {"spec", "versions"})) {
        if (value_at(version, {"storage"}) == Json(true)) {
            stored.push_back(value_at(version, {"name"}));
        }
    }
    definition["status"]["acceptedNames"] = names;
    definition["status"]["storedVersions"] = std::move(stored);
}

void check_pod(const Json& pod, const Json* live, Causes& causes) {
    const Json& containers = value_at(pod, {"spec", "containers"});
    if (!containers.is_array() || containers.empty()) {
        causes.push_back(required_value("spec.containers"));
        return;
    }
    for (std::size_t i = 0; i < containers.size(); ++i) {
        const std::string path = fmt::format("spec.containers[{}]", i);
        if (text_at(containers[i], {"name"}).empty()) {
            causes.push_back(required_value(path + ".name"));
        }
        if (text_at(containers[i], {"image"}).empty()) {
            causes.push_back(required_value(path + ".image"));
        }
    }
    if (live == nullptr) {
        return;
    }
    // Only the image of a container may change in a pod that exists.
    Json before = value_at(*live, {"spec"});
    Json after = value_at(pod, {"spec"});
    for (Json* spec : {&before, &after}) {
        for (const char* open : {"nodeName", "tolerations", "activeDeadlineSeconds"}) {
            spec->erase(open);
        }
        for (Json& container : (*spec)["containers"]) {
            container.erase("image");
            container.erase("resources");
        }
    }
    if (before != after) {
        causes.push_back(
            forbidden_field("spec",
                            "pod updates may not change fields other than "
                            "`spec.containers[*].image`, `spec.containers[*].resources`, "
                            "`spec.activeDeadlineSeconds` and `spec.tolerations`"));
    }
}

void check_claim(const Json& claim, const Json* live, Causes& causes) {
    const Json& requests = value_at(claim, {"spec", "resources", "requests"});
    const std::optional<Quantity> size = Quantity::parse(text_at(requests, {"storage"}));
    if (!size || size->sign() <= 0) {
        causes.push_back(required_value("spec.resources[storage]"));
        return;
    }
    if (live == nullptr) {
        return;
    }
    const std::optional<Quantity> before =
        Quantity::parse(text_at(*live, {"spec", "resources", "requests", "storage"}));
    if (before && *size < *before) {
        causes.push_back(forbidden_field("spec.resources.requests.storage",
                                         "field can not be less than status.capacity"));
    }
}

void check_service(const Json& service, Causes& causes) {
    const Json& ports = value_at(service, {"spec", "ports"});
    for (std::size_t i = 0; ports.is_array() && i < ports.size(); ++i) {
        const Json& port = value_at(ports[i], {"port"});
        if (!port.is_number_integer() || port < 1 || port > 65535) {
            causes.push_back(invalid_value(fmt::format("spec.ports[{}].port", i), port,
                                           "must be between 1 and 65535, inclusive"));
        }
        if (ports.size() > 1 && text_at(ports[i], {"name"}).empty()) {
            causes.push_back(required_value(fmt::format("spec.ports[{}].name", i)));
        }
    }
}

void check_texts(const Json& object, Causes& causes) {
    for (const char* field : {"data", "binaryData"}) {
        const Json& data = value_at(object, {field});
        if (!data.is_null() && !data.is_object()) {
            causes.push_back(invalid_value(field, data, "must be a map of strings"));
            continue;
        }
        for (const auto& [key, value] : data.items()) {
            if (!value.is_string()) {
                causes.push_back(
                    invalid_value(fmt::format("{}[{}]", field, key), value, "must be a string"));
            }
        }
    }
}

}  // namespace

void default_built_in(const ResourceInfo& resource, nlohmann::json& object, bool creating,
                      WallTime now) {
    const std::string& kind = resource.kind;
    if (kind == "Pod") {
        default_pod(object, creating);
    } else if (kind == "Service") {
        default_service(object, creating);
    } else if (kind == "PersistentVolumeClaim") {
        default_claim(object, creating);
    } else if (kind == "Namespace") {
        default_namespace(object, creating);
    } else if (kind == "Secret") {
        default_secret(object);
    } else if (kind == "CustomResourceDefinition") {
        default_definition(object, creating, now);
    }
}

void check_built_in(const ResourceInfo& resource, const nlohmann::json& object,
                    const nlohmann::json* live, Causes& causes) {
    const std::string& kind = resource.kind;
    if (kind == "Pod") {
        check_pod(object, live, causes);
    } else if (kind == "PersistentVolumeClaim") {
        check_claim(object, live, causes);
    } else if (kind == "Service") {
        check_service(object, causes);
    } else if (kind == "ConfigMap" || kind == "Secret") {
        check_texts(object, causes);
    } else if (kind == "CustomResourceDefinition") {
        std::ranges::move(check_definition(object), std::back_inserter(causes));
    }
    const bool immutable = live != nullptr && value_at(*live, {"immutable"}) == Json(true);
    if (immutable && value_at(*live, {"data"}) != value_at(object, {"data"})) {
        causes.push_back(forbidden_field("data", "field is immutable when `immutable` is set"));
    }
}

}  // namespace millrace::kube_operator::local
