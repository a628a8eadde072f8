#include "operator/local/store.h"

#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {

using kube::text_at;
using kube::value_at;

std::string ObjectKey::to_string() const {
    return name_space.empty() ? fmt::format("{}/{}", resource, name)
                              : fmt::format("{}/{}/{}", resource, name_space, name);
}

ObjectKey key_of(const std::string& resource, const nlohmann::json& object) {
    return {resource, text_at(object, {"metadata", "namespace"}),
            text_at(object, {"metadata", "name"})};
}

std::vector<std::string> owner_uids(const nlohmann::json& object) {
    std::vector<std::string> uids;
    for (const nlohmann::json& owner : value_at(object, {"metadata", "ownerReferences"})) {
        uids.push_back(text_at(owner, {"uid"}));
    }
    return uids;
}

JsonPtr Store::find(const ObjectKey& key) const {
    auto found = x_objects.find(key);
    return found == x_objects.end() ? nullptr : found->second;
}

std::vector<JsonPtr> Store::list(const std::string& resource, const std::string& name_space) const {
    std::vector<JsonPtr> out;
    for (auto it = x_objects.lower_bound(ObjectKey{resource, name_space, ""});
         it != x_objects.end() && it->first.resource == resource &&
         (name_space.empty() || it->first.name_space == name_space);
         ++it) {
        out.push_back(it->second);
    }
    return out;
}

std::vector<ObjectKey> Store::keys(const std::string& resource,
                                   const std::string& name_space) const {
    std::vector<ObjectKey> out;
    for (auto it = x_objects.lower_bound(ObjectKey{resource, name_space, ""});
         it != x_objects.end() && it->first.resource == resource &&
         (name_space.empty() || it->first.name_space == name_space);
         ++it) {
        out.push_back(it->first);
    }
    return out;
}

std::vector<ObjectKey> Store::keys_in_namespace(const std::string& name_space) const {
    std::vector<ObjectKey> out;
    for (const auto& [key, object] : x_objects) {
        if (key.name_space == name_space) {
            out.push_back(key);
        }
    }
    return out;
}

Result<JsonPtr> Store::put(const ObjectKey& key, nlohmann::json object) {
    const JsonPtr before = find(key);
    if (!before && x_objects.size() >= x_limits.objects_max) {
        return fail(Errc::busy,
                    fmt::format("the store is full: it holds {} objects", x_objects.size()));
    }
    object["metadata"]["resourceVersion"] = std::to_string(x_revision + 1);
    auto text = std::make_shared<const std::string>(kube::to_text(object));
    if (text->size() > x_limits.object_bytes_max) {
        return fail(Errc::too_large, fmt::format("the object has {} bytes, at most {} are allowed",
                                                 text->size(), x_limits.object_bytes_max));
    }
    ++x_revision;
    auto stored = std::make_shared<const nlohmann::json>(std::move(object));
    if (before) {
        forget(key, *before);
    }
    x_objects[key] = stored;
    index(key, *stored);
    record({before ? Change::Kind::modified : Change::Kind::added, key, stored, before,
            std::move(text), x_revision});
    return JsonPtr(stored);
}

JsonPtr Store::erase(const ObjectKey& key) {
    const JsonPtr before = find(key);
    if (!before) {
        return nullptr;
    }
    forget(key, *before);
    x_objects.erase(key);
    ++x_revision;
    nlohmann::json last = *before;
    last["metadata"]["resourceVersion"] = std::to_string(x_revision);
    auto text = std::make_shared<const std::string>(kube::to_text(last));
    auto object = std::make_shared<const nlohmann::json>(std::move(last));
    record({Change::Kind::deleted, key, object, before, std::move(text), x_revision});
    return object;
}

void Store::restore(const ObjectKey& key, JsonPtr object) {
    index(key, *object);
    x_objects[key] = std::move(object);
}

void Store::continue_after(std::uint64_t revision) {
    CHECK(revision >= x_revision, "revisions never go back");
    x_revision = revision;
    x_history_start = revision;
    x_history.clear();
}

Result<std::vector<Change>> Store::changes_after(std::uint64_t revision) const {
    if (revision < x_history_start || revision > x_revision) {
        return fail(Errc::not_found,
                    fmt::format("too old resource version: {} ({})", revision, x_history_start));
    }
    std::vector<Change> out;
    auto first = std::ranges::lower_bound(x_history, revision + 1, {}, &Change::revision);
    out.assign(first, x_history.end());
    return out;
}

const ObjectKey* Store::key_of_uid(const std::string& uid) const {
    auto found = x_by_uid.find(uid);
    return found == x_by_uid.end() ? nullptr : &found->second;
}

std::vector<ObjectKey> Store::dependents(const std::string& owner_uid) const {
    auto found = x_dependents.find(owner_uid);
    return found == x_dependents.end()
               ? std::vector<ObjectKey>()
               : std::vector<ObjectKey>(found->second.begin(), found->second.end());
}

void Store::index(const ObjectKey& key, const nlohmann::json& object) {
    x_by_uid[text_at(object, {"metadata", "uid"})] = key;
    for (const std::string& owner : owner_uids(object)) {
        x_dependents[owner].insert(key);
    }
}

void Store::forget(const ObjectKey& key, const nlohmann::json& object) {
    x_by_uid.erase(text_at(object, {"metadata", "uid"}));
    for (const std::string& owner : owner_uids(object)) {
        auto found = x_dependents.find(owner);
        if (found != x_dependents.end() && found->second.erase(key) > 0 && found->second.empty()) {
            x_dependents.erase(found);
        }
    }
}

void Store::record(Change change) {
    x_history.push_back(std::move(change));
    if (x_history.size() > x_limits.history_max) {
        x_history_start = x_history.front().revision;
        x_history.pop_front();
    }
    // An observer may change the store again; it sees its own change after this one.
    const Change told = x_history.back();
    for (const Observer& observer : x_observers) {
        observer(told);
    }
}

void Store::invariants() const {
    CHECK(x_history.size() <= x_limits.history_max, "the history is bounded");
    CHECK(x_objects.size() <= x_limits.objects_max, "the store is bounded");
    for (const auto& [uid, key] : x_by_uid) {
        CHECK(x_objects.contains(key), "every uid belongs to a stored object");
    }
    for (const auto& [owner, keys] : x_dependents) {
        CHECK(!keys.empty(), "an owner without dependents is not listed");
        for (const ObjectKey& key : keys) {
            CHECK(x_objects.contains(key), "every dependent is stored");
        }
    }
}

}  // namespace millrace::kube_operator::local
