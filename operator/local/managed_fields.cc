#include "operator/local/managed_fields.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/field_set.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

constexpr std::size_t kUpdateEntriesMax = 10;
constexpr const char* kAncient = "ancient-changes";

struct Entry {
    std::string manager;
    std::string operation;
    std::string api_version;
    std::string subresource;
    std::string time;
    FieldSet fields;
};

std::vector<Entry> read_entries(const Json& object) {
    std::vector<Entry> out;
    for (const Json& one : value_at(object, {"metadata", "managedFields"})) {
        if (!one.is_object() || !one.contains("fieldsV1")) {
            continue;
        }
        out.push_back({text_at(one, {"manager"}), text_at(one, {"operation"}),
                       text_at(one, {"apiVersion"}), text_at(one, {"subresource"}),
                       text_at(one, {"time"}), FieldSet::from_json(one["fieldsV1"])});
    }
    return out;
}

void write_entries(const std::vector<Entry>& entries, Json& object) {
    Json list = Json::array();
    for (const Entry& entry : entries) {
        if (entry.fields.children.empty()) {
            continue;
        }
        Json one = {{"manager", entry.manager},        {"operation", entry.operation},
                    {"apiVersion", entry.api_version}, {"time", entry.time},
                    {"fieldsType", "FieldsV1"},        {"fieldsV1", entry.fields.to_json()}};
        if (!entry.subresource.empty()) {
            one["subresource"] = entry.subresource;
        }
        list.push_back(std::move(one));
    }
    if (list.empty()) {
        object["metadata"].erase("managedFields");
    } else {
        object["metadata"]["managedFields"] = std::move(list);
    }
}

Entry& entry_of(std::vector<Entry>& entries, const FieldWriter& writer, const char* operation) {
    for (Entry& entry : entries) {
        if (entry.manager == writer.manager && entry.operation == operation &&
            entry.subresource == writer.subresource &&
            (entry.api_version == writer.api_version || entry.operation == "Apply")) {
            entry.api_version = writer.api_version;
            return entry;
        }
    }
    entries.push_back({writer.manager,
                       operation,
                       writer.api_version,
                       writer.subresource,
                       to_iso8601(writer.now),
                       {}});
    return entries.back();
}

// Joins the two oldest entries of Update until few enough are left.
void join_oldest(std::vector<Entry>& entries) {
    for (;;) {
        Entry* oldest = nullptr;
        Entry* second = nullptr;
        std::size_t updates = 0;
        for (Entry& entry : entries) {
            if (entry.operation != "Update") {
                continue;
            }
            ++updates;
            if (oldest == nullptr || entry.time < oldest->time) {
                second = std::exchange(oldest, &entry);
            } else if (second == nullptr || entry.time < second->time) {
                second = &entry;
            }
        }
        if (updates <= kUpdateEntriesMax) {
            return;
        }
        second->fields.add(oldest->fields);
        second->manager = kAncient;
        entries.erase(entries.begin() + (oldest - entries.data()));
    }
}

// The applied value over the live one: objects field by field, keyed lists item by item, everything else replaced.
Json merged(const Json& live, const Json& applied, const ShapeContext& at) {
    if (live.is_object() && applied.is_object() && !at.atomic_object()) {
        Json out = live;
        for (const auto& [key, child] : applied.items()) {
            out[key] = live.contains(key) ? merged(live[key], child, at.child(key)) : child;
        }
        return out;
    }
    if (!live.is_array() || !applied.is_array() || applied.empty()) {
        return applied;
    }
    const ListShape shape = list_shape(at, applied);
    if (shape.kind == ListShape::Kind::atomic) {
        return applied;
    }
    Json out = live;
    std::map<std::string, std::size_t> places;  // the first item of each element
    for (std::size_t i = 0; i < out.size(); ++i) {
        places.try_emplace(item_element(shape, out[i]), i);
    }
    for (const Json& item : applied) {
        const auto [found, fresh] = places.try_emplace(item_element(shape, item), out.size());
        if (fresh) {
            out.push_back(item);
        } else if (shape.kind == ListShape::Kind::map) {
            out[found->second] = merged(out[found->second], item, at.item());
        }
    }
    return out;
}

// Takes away the fields of a set. Objects and lists that become empty by it go too.
void remove_fields(Json& value, const FieldSet& gone, const FieldSet& kept, const ShapeContext& at);

void remove_items(Json& list, const FieldSet& gone, const FieldSet& kept, const ShapeContext& at) {
    const ListShape shape = list_shape(at, list);
    static const FieldSet nothing;
    for (auto it = list.begin(); it != list.end();) {
        const std::string element = item_element(shape, *it);
        auto found = gone.children.find(element);
        auto keep = kept.children.find(element);
        const FieldSet& kept_below = keep == kept.children.end() ? nothing : keep->second;
        if (found == gone.children.end()) {
            ++it;
        } else if (found->second.member && kept_below.empty()) {
            it = list.erase(it);
        } else {
            remove_fields(*it, found->second, kept_below, at.item());
            ++it;
        }
    }
}

void remove_fields(Json& value, const FieldSet& gone, const FieldSet& kept,
                   const ShapeContext& at) {
    static const FieldSet nothing;
    if (value.is_array()) {
        remove_items(value, gone, kept, at);
        return;
    }
    if (!value.is_object()) {
        return;
    }
    for (const auto& [element, below] : gone.children) {
        // Clients write managed fields too: an element may be anything.
        if (!element.starts_with("f:") || !value.contains(element.substr(2))) {
            continue;
        }
        const std::string key = element.substr(2);
        auto keep = kept.children.find(element);
        const FieldSet& kept_below = keep == kept.children.end() ? nothing : keep->second;
        if (below.member && kept_below.empty()) {
            value.erase(key);
            continue;
        }
        remove_fields(value[key], below, kept_below, at.child(key));
        if (value[key].is_structured() && value[key].empty() && kept_below.empty()) {
            value.erase(key);
        }
    }
}

ApiError conflict_error(const std::vector<std::pair<std::string, const Entry*>>& conflicts) {
    ApiError error;
    error.code = 409;
    error.reason = "Conflict";
    std::map<std::string, std::vector<std::string>> by_owner;
    for (const auto& [path, owner] : conflicts) {
        const std::string who =
            fmt::format("conflict with \"{}\"{} using {}", owner->manager,
                        owner->subresource.empty()
                            ? std::string()
                            : fmt::format(" with subresource \"{}\"", owner->subresource),
                        owner->api_version);
        error.causes.push_back({"FieldManagerConflict", who, path});
        by_owner[who].push_back(path);
    }
    error.message = fmt::format("Apply failed with {} conflict{}: ", conflicts.size(),
                                conflicts.size() == 1 ? "" : "s");
    if (conflicts.size() == 1) {
        error.message += fmt::format("{}: {}", by_owner.begin()->first, conflicts[0].first);
        return error;
    }
    std::vector<std::string> blocks;
    for (const auto& [who, paths] : by_owner) {
        blocks.push_back(fmt::format("{}:\n- {}", who, fmt::join(paths, "\n- ")));
    }
    error.message += fmt::format("{}", fmt::join(blocks, "\n"));
    return error;
}

}  // namespace

void record_update(const nlohmann::json& before, nlohmann::json& after, const FieldWriter& writer,
                   const ShapeContext& shape) {
    const Json old_part = before.is_null() ? Json::object() : managed_part(before);
    const Json new_part = managed_part(after);
    FieldSet touched = FieldSet::changed(old_part, new_part, shape);
    if (touched.empty()) {
        return;
    }
    std::vector<Entry> entries = read_entries(after);
    const FieldSet present = FieldSet::of(new_part, shape);
    entry_of(entries, writer, "Update");
    for (Entry& entry : entries) {
        const bool is_own = entry.manager == writer.manager && entry.operation == "Update" &&
                            entry.subresource == writer.subresource;
        if (!is_own) {
            entry.fields.remove(touched);
        } else {
            entry.fields.add(touched.intersection(present));
            entry.time = to_iso8601(writer.now);
        }
    }
    // A manager keeps no field that no longer exists.
    FieldSet vanished = FieldSet::of(old_part, shape);
    vanished.remove(present);
    for (Entry& entry : entries) {
        entry.fields.remove(vanished);
    }
    join_oldest(entries);
    write_entries(entries, after);
}

ApiResult<nlohmann::json> apply_configuration(const nlohmann::json& live,
                                              const nlohmann::json& applied,
                                              const FieldWriter& writer, bool force,
                                              const ShapeContext& shape) {
    const Json live_part = live.is_null() ? Json::object() : managed_part(live);
    const Json applied_part = managed_part(applied);
    std::vector<Entry> entries = live.is_null() ? std::vector<Entry>() : read_entries(live);
    const FieldSet wanted = FieldSet::of(applied_part, shape);
    const Json result_part = merged(live_part, applied_part, shape);
    const FieldSet differing =
        FieldSet::changed(live_part, result_part, shape).intersection(wanted);

    auto is_own = [&writer](const Entry& entry) {
        return entry.manager == writer.manager && entry.operation == "Apply" &&
               entry.subresource == writer.subresource;
    };
    std::vector<std::pair<std::string, const Entry*>> conflicts;
    for (Entry& entry : entries) {
        if (is_own(entry)) {
            continue;
        }
        const FieldSet contested = entry.fields.intersection(differing);
        contested.each([&](const std::string& path) { conflicts.emplace_back(path, &entry); });
        if (force) {
            entry.fields.remove(contested);
        }
    }
    if (!conflicts.empty() && !force) {
        return refuse(conflict_error(conflicts));
    }

    FieldSet kept = wanted;
    FieldSet gone;
    for (const Entry& entry : entries) {
        if (is_own(entry)) {
            gone = entry.fields;
        } else {
            kept.add(entry.fields);
        }
    }
    gone.remove(wanted);
    Json result = live.is_null() ? applied : merged(live, applied, shape);
    remove_fields(result, gone, kept, shape);

    Entry& own = entry_of(entries, writer, "Apply");
    if (own.fields != wanted || result_part != live_part) {
        own.time = to_iso8601(writer.now);
    }
    own.fields = wanted;
    write_entries(entries, result);
    return result;
}

}  // namespace millrace::kube_operator::local
