#include "operator/local/watch_hub.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/table.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::value_at;

std::string event_line(const char* type, const std::string& object) {
    return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
}

}  // namespace

WatchHub::WatchHub(Store& store, std::size_t watches_max)
    : x_store(store), x_watches_max(watches_max) {
    store.observe([this](const Change& change) { tell(change); });
}

bool WatchHub::matches(const WatchStart& start, const nlohmann::json& object) const {
    return start.labels.matches(value_at(object, {"metadata", "labels"})) &&
           start.fields.matches(object);
}

bool WatchHub::send(Open& watch, const char* type, const JsonPtr& object) {
    const JsonPtr shown = as_version(object, *watch.start.resource);
    Json body;
    switch (watch.start.form) {
        case AnswerForm::table:
            body = make_table(*watch.start.resource, {shown},
                              watch.start.full_rows ? TableObjects::full : TableObjects::metadata,
                              x_now, !watch.definitions_sent);
            body["metadata"]["resourceVersion"] =
                value_at(*object, {"metadata", "resourceVersion"});
            watch.definitions_sent = true;
            break;
        case AnswerForm::partial:
            body = partial_object(*shown);
            break;
        case AnswerForm::json:
        case AnswerForm::discovery:
        case AnswerForm::none:
            return watch.sink(event_line(type, kube::to_text(*shown)));
    }
    return watch.sink(event_line(type, kube::to_text(body)));
}

bool WatchHub::send_change(Open& watch, const Change& change) {
    const WatchStart& start = watch.start;
    const bool concerned = change.key.resource == start.resource->store_name() &&
                           (start.name_space.empty() || change.key.name_space == start.name_space);
    if (!concerned) {
        return true;
    }
    const bool now = change.kind != Change::Kind::deleted && matches(start, *change.object);
    const bool before = change.before && matches(start, *change.before);
    if (now) {
        return send(watch, before ? "MODIFIED" : "ADDED", change.object);
    }
    return !before || send(watch, "DELETED", change.object);
}

bool WatchHub::send_bookmark(Open& watch, bool initial_end) {
    Json metadata = {{"resourceVersion", std::to_string(x_store.revision())},
                     {"creationTimestamp", nullptr}};
    if (initial_end) {
        metadata["annotations"] = {{"k8s.io/initial-events-end", "true"}};
    }
    Json object = {{"kind", watch.start.resource->kind},
                   {"apiVersion", watch.start.resource->api_version()},
                   {"metadata", std::move(metadata)}};
    return watch.sink(event_line("BOOKMARK", kube::to_text(object)));
}

bool WatchHub::send_existing(Open& watch) {
    for (const JsonPtr& object :
         x_store.list(watch.start.resource->store_name(), watch.start.name_space)) {
        if (matches(watch.start, *object) && !send(watch, "ADDED", object)) {
            return false;
        }
    }
    return !watch.start.initial_events_end || send_bookmark(watch, true);
}

Result<WatchId> WatchHub::open(const WatchStart& start, Sink sink, WallTime now) {
    if (x_watches.size() >= x_watches_max) {
        return fail(Errc::busy, fmt::format("{} watches are open already", x_watches.size()));
    }
    x_now = now;
    Open watch{start, std::move(sink), false};
    bool alive = true;
    if (start.resource_version.empty() || start.resource_version == "0") {
        alive = send_existing(watch);
    } else {
        const std::uint64_t after = std::strtoull(start.resource_version.c_str(), nullptr, 10);
        const Result<std::vector<Change>> changes = x_store.changes_after(after);
        if (!changes) {
            watch.sink(
                event_line("ERROR", kube::to_text(status_object(gone(changes.error().message)))));
            return fail(Errc::not_found, changes.error().message);
        }
        for (const Change& change : *changes) {
            alive = alive && send_change(watch, change);
        }
    }
    if (!alive) {
        return fail(Errc::connection_lost, "the watcher went away");
    }
    const WatchId id{x_next++};
    x_watches.emplace(id, std::move(watch));
    return id;
}

void WatchHub::tell(const Change& change) {
    for (auto it = x_watches.begin(); it != x_watches.end();) {
        it = send_change(it->second, change) ? std::next(it) : x_watches.erase(it);
    }
}

void WatchHub::send_bookmarks() {
    for (auto it = x_watches.begin(); it != x_watches.end();) {
        const bool lost = it->second.start.bookmarks && !send_bookmark(it->second, false);
        it = lost ? x_watches.erase(it) : std::next(it);
    }
}

}  // namespace millrace::kube_operator::local
