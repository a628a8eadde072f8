#include "operator/kube/informer.h"

#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"

namespace millrace::kube_operator::kube {

Informer::Informer(runtime::Loop& loop, Client& client, ResourceType type, ListScope scope,
                   InformerLimits limits)
    : x_loop(loop),
      x_client(client),
      x_type(std::move(type)),
      x_scope(std::move(scope)),
      x_limits(limits),
      x_pause(limits.retry_first),
      x_alive(std::make_shared<bool>(true)) {}

Informer::~Informer() {
    *x_alive = false;
    x_loop.cancel(x_timer);
}

void Informer::start(OnChange on_change, std::function<void()> on_synced) {
    x_on_change = std::move(on_change);
    x_on_synced = std::move(on_synced);
    read_list();
}

JsonPtr Informer::find(const ObjectName& name) const {
    auto found = x_objects.find(name);
    return found == x_objects.end() ? nullptr : found->second;
}

std::vector<JsonPtr> Informer::all() const {
    std::vector<JsonPtr> out;
    out.reserve(x_objects.size());
    for (const auto& [name, object] : x_objects) {
        out.push_back(object);
    }
    return out;
}

void Informer::read_list() {
    ++x_lists;
    x_client.list(x_type, x_scope, [this, alive = x_alive](Result<JsonPtr> list) {
        if (!*alive) {
            return;
        }
        if (!list) {
            log_warning("informer", "{} could not be listed: {}", x_type.plural,
                        list.error().to_string());
            retry(true);
            return;
        }
        take_list(*list);
    });
}

void Informer::take_list(const JsonPtr& list) {
    const nlohmann::json& items = value_at(*list, {"items"});
    if (!items.is_array() || items.size() > x_limits.objects_max) {
        log_warning("informer", "the list of {} has no items or more than {}", x_type.plural,
                    x_limits.objects_max);
        retry(true);
        return;
    }
    std::map<ObjectName, JsonPtr> listed;
    for (const nlohmann::json& item : items) {
        // The items of a list do not repeat their kind; everybody above wants it.
        nlohmann::json object = item;
        object["apiVersion"] = x_type.api_version();
        object["kind"] = x_type.kind;
        ObjectName name = name_of(object);
        listed[std::move(name)] = std::make_shared<const nlohmann::json>(std::move(object));
    }
    std::vector<ObjectName> gone;
    for (const auto& [name, object] : x_objects) {
        if (!listed.contains(name)) {
            gone.push_back(name);
        }
    }
    for (const ObjectName& name : gone) {
        erase(name);
    }
    for (auto& [name, object] : listed) {
        store(name, std::move(object));
    }
    x_resource_version = text_at(*list, {"metadata", "resourceVersion"});
    x_pause = x_limits.retry_first;
    open_watch();
    if (!x_synced) {
        x_synced = true;
        if (x_on_synced) {
            x_on_synced();
        }
    }
}

void Informer::store(const ObjectName& name, JsonPtr object) {
    JsonPtr& slot = x_objects[name];
    const bool same = slot && value_at(*slot, {"metadata", "resourceVersion"}) ==
                                  value_at(*object, {"metadata", "resourceVersion"});
    if (same) {
        return;
    }
    const JsonPtr before = std::exchange(slot, std::move(object));
    x_on_change(name, before, slot);
}

void Informer::erase(const ObjectName& name) {
    auto found = x_objects.find(name);
    if (found == x_objects.end()) {
        return;
    }
    const JsonPtr before = std::move(found->second);
    x_objects.erase(found);
    x_on_change(name, before, nullptr);
}

void Informer::open_watch() {
    x_watch =
        x_client.watch(x_type, x_scope, x_resource_version,
                       {[this](WatchEventKind kind, JsonPtr object) { take_event(kind, object); },
                        [this](const Status& why) { end_watch(why); }});
}

void Informer::take_event(WatchEventKind kind, const JsonPtr& object) {
    x_resource_version = text_at(*object, {"metadata", "resourceVersion"});
    x_pause = x_limits.retry_first;
    switch (kind) {
        case WatchEventKind::bookmark:
            return;
        case WatchEventKind::deleted:
            erase(name_of(*object));
            return;
        case WatchEventKind::added:
        case WatchEventKind::modified:
            store(name_of(*object), object);
            return;
    }
}

void Informer::end_watch(const Status& why) {
    if (why) {
        // The server's time for one watch is over. The next one begins where this one ended.
        x_loop.post([this, alive = x_alive] {
            if (*alive) {
                open_watch();
            }
        });
        return;
    }
    const bool with_list =
        why.error().code == Errc::not_found || why.error().code == Errc::malformed;
    log_debug("informer", "the watch of {} ended: {}", x_type.plural, why.error().to_string());
    retry(with_list);
}

void Informer::retry(bool with_list) {
    const Duration pause = x_pause;
    x_pause = std::min(x_pause * 2, x_limits.retry_longest);
    x_timer = x_loop.run_after(pause, [this, with_list] {
        if (with_list || x_resource_version.empty()) {
            read_list();
        } else {
            open_watch();
        }
    });
}

}  // namespace millrace::kube_operator::kube
