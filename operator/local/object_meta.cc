#include "operator/local/object_meta.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

constexpr std::size_t kSubdomainMax = 253;
constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kAnnotationBytesMax = 256 * 1024;

bool lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool alphanumeric(char c) {
    return lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

// RFC 1123 subdomain: labels of lower-case letters, digits and '-', joined by dots.
bool is_subdomain(std::string_view text) {
    if (text.empty() || text.size() > kSubdomainMax) {
        return false;
    }
    char before = '.';
    for (char c : text) {
        const bool edge = before == '.' || before == '-';
        const bool good = lower_or_digit(c) || (c == '-' && before != '.') || (c == '.' && !edge);
        if (!good) {
            return false;
        }
        before = c;
    }
    return lower_or_digit(text.back());
}

// Kinds of access control use names like "system:node": only what breaks a path is refused.
bool is_path_segment(std::string_view text) {
    return !text.empty() && text != "." && text != ".." && text.size() <= kSubdomainMax &&
           text.find_first_of("/%") == std::string_view::npos;
}

bool is_qualified(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash != std::string_view::npos) {
        if (!is_subdomain(text.substr(0, slash))) {
            return false;
        }
        text.remove_prefix(slash + 1);
    }
    return !text.empty() && text.size() <= kLabelMax && alphanumeric(text.front()) &&
           alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
               return alphanumeric(c) || c == '-' || c == '_' || c == '.';
           });
}

bool is_label_value(std::string_view text) {
    return text.empty() || (text.size() <= kLabelMax && alphanumeric(text.front()) &&
                            alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
                                return alphanumeric(c) || c == '-' || c == '_' || c == '.';
                            }));
}

void check_labels(const Json& labels, Causes& causes) {
    if (labels.is_null()) {
        return;
    }
    if (!labels.is_object()) {
        causes.push_back(invalid_value("metadata.labels", labels, "must be a map of strings"));
        return;
    }
    for (const auto& [key, value] : labels.items()) {
        if (!is_qualified(key)) {
            causes.push_back(invalid_value(
                "metadata.labels", key,
                "name part must consist of alphanumeric characters, '-', '_' or '.', and "
                "must start and end with an alphanumeric character"));
        }
        if (!value.is_string() || !is_label_value(value.get_ref<const std::string&>())) {
            causes.push_back(invalid_value(
                "metadata.labels", value,
                "a valid label must be an empty string or consist of at most 63 "
                "alphanumeric characters, '-', '_' or '.', and must start and end with an "
                "alphanumeric character"));
        }
    }
}

void check_annotations(const Json& annotations, Causes& causes) {
    if (annotations.is_null()) {
        return;
    }
    if (!annotations.is_object()) {
        causes.push_back(
            invalid_value("metadata.annotations", annotations, "must be a map of strings"));
        return;
    }
    std::size_t bytes = 0;
    for (const auto& [key, value] : annotations.items()) {
        if (!value.is_string()) {
            causes.push_back(
                invalid_value("metadata.annotations." + key, value, "must be a string"));
            continue;
        }
        bytes += key.size() + value.get_ref<const std::string&>().size();
    }
    if (bytes > kAnnotationBytesMax) {
        causes.push_back(too_long("metadata.annotations", kAnnotationBytesMax));
    }
}

}  // namespace

void check_metadata(const ResourceInfo& resource, const nlohmann::json& object, Causes& causes) {
    const std::string name = text_at(object, {"metadata", "name"});
    if (name.empty()) {
        causes.push_back(required_value("metadata.name", "name or generateName is required"));
        return;
    }
    const bool loose = resource.group == "rbac.authorization.k8s.io";
    if (loose ? !is_path_segment(name) : !is_subdomain(name)) {
        causes.push_back(invalid_value(
            "metadata.name", name,
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
            "characters, '-' or '.', and must start and end with an alphanumeric character"));
    }
    check_labels(value_at(object, {"metadata", "labels"}), causes);
    check_annotations(value_at(object, {"metadata", "annotations"}), causes);
    const Json& finalizers = value_at(object, {"metadata", "finalizers"});
    for (std::size_t i = 0; finalizers.is_array() && i < finalizers.size(); ++i) {
        if (!finalizers[i].is_string() ||
            !is_qualified(finalizers[i].get_ref<const std::string&>())) {
            causes.push_back(invalid_value(
                fmt::format("metadata.finalizers[{}]", i), finalizers[i],
                "name is neither a standard finalizer name nor is it fully qualified"));
        }
    }
    const Json& owners = value_at(object, {"metadata", "ownerReferences"});
    for (std::size_t i = 0; owners.is_array() && i < owners.size(); ++i) {
        for (const char* field : {"apiVersion", "kind", "name", "uid"}) {
            if (text_at(owners[i], {field}).empty()) {
                causes.push_back(
                    required_value(fmt::format("metadata.ownerReferences[{}].{}", i, field)));
            }
        }
    }
}

std::string generated_name(const std::string& base, Random& random) {
    constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
    constexpr std::size_t kSuffix = 5;
    std::string name = base.substr(0, kLabelMax - kSuffix);
    for (std::size_t i = 0; i < kSuffix; ++i) {
        name += kLetters[random.below(kLetters.size())];
    }
    return name;
}

std::string new_uid(Random& random) {
    const std::uint64_t high = (random.next() & ~0xF000ULL) | 0x4000ULL;
    const std::uint64_t low = (random.next() & ~(3ULL << 62)) | (1ULL << 63);
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xFFFF,
                       high & 0xFFFF, low >> 48, low & 0xFFFFFFFFFFFFULL);
}

void keep_server_metadata(const nlohmann::json* live, nlohmann::json& object) {
    Json& metadata = object["metadata"];
    for (const char* own : {"uid", "creationTimestamp", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "generation", "selfLink"}) {
        metadata.erase(own);
        if (live != nullptr) {
            if (const Json& kept = value_at(*live, {"metadata", own}); !kept.is_null()) {
                metadata[own] = kept;
            }
        }
    }
    if (live != nullptr) {
        metadata["resourceVersion"] = value_at(*live, {"metadata", "resourceVersion"});
    } else {
        metadata.erase("resourceVersion");
    }
    for (const char* optional : {"labels", "annotations", "finalizers", "ownerReferences"}) {
        auto found = metadata.find(optional);
        if (found != metadata.end() &&
            (found->is_null() || (found->is_structured() && found->empty()))) {
            metadata.erase(found);
        }
    }
}

bool has_finalizers(const nlohmann::json& object) {
    const Json& finalizers = value_at(object, {"metadata", "finalizers"});
    const Json& of_spec = value_at(object, {"spec", "finalizers"});
    const bool name_space = text_at(object, {"kind"}) == "Namespace";
    return (finalizers.is_array() && !finalizers.empty()) ||
           (name_space && of_spec.is_array() && !of_spec.empty());
}

bool is_being_deleted(const nlohmann::json& object) {
    return !value_at(object, {"metadata", "deletionTimestamp"}).is_null();
}

}  // namespace millrace::kube_operator::local
