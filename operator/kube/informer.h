// A cache of one kind, kept current by list and watch. Bookmarks move the position; 410 leads to a new list; a broken
// connection is tried again with a growing pause. A new list that lacks an object reports it as removed, so no change is lost.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "operator/kube/client.h"

namespace millrace::kube_operator::kube {

struct InformerLimits {
    Duration retry_first = 200ms;
    Duration retry_longest = 30s;
    std::size_t objects_max = 100'000;  // a list above it is refused with too_large and tried again
};

class Informer {
 public:
    // before is null for a new object, after is null for a removed one.
    using OnChange =
        std::function<void(const ObjectName&, const JsonPtr& before, const JsonPtr& after)>;

    // Loop and client outlive the informer.
    Informer(runtime::Loop& loop, Client& client, ResourceType type, ListScope scope,
             InformerLimits limits = {});
    ~Informer();
    Informer(const Informer&) = delete;
    Informer& operator=(const Informer&) = delete;

    // on_synced runs once, after the first list was reported.
    void start(OnChange on_change, std::function<void()> on_synced = {});

    // True once the first list has been taken in.
    bool synced() const { return x_synced; }
    // Null when absent.
    JsonPtr find(const ObjectName& name) const;
    // Ordered by namespace and name.
    std::vector<JsonPtr> all() const;
    std::size_t size() const { return x_objects.size(); }
    const ResourceType& type() const { return x_type; }

    // How often the list was read; above 1 after a 410 or a malformed stream.
    std::uint64_t lists() const { return x_lists; }

 private:
    void read_list();
    void take_list(const JsonPtr& list);
    void open_watch();
    void take_event(WatchEventKind kind, const JsonPtr& object);
    void end_watch(const Status& why);
    void retry(bool with_list);
    void store(const ObjectName& name, JsonPtr object);
    void erase(const ObjectName& name);

    runtime::Loop& x_loop;
    Client& x_client;
    ResourceType x_type;
    ListScope x_scope;
    InformerLimits x_limits;
    OnChange x_on_change;
    std::function<void()> x_on_synced;
    std::map<ObjectName, JsonPtr> x_objects;
    std::unique_ptr<Watch> x_watch;
    std::string x_resource_version;
    runtime::TimerId x_timer = runtime::TimerId::none;
    Duration x_pause{};
    std::uint64_t x_lists = 0;
    bool x_synced = false;
    std::shared_ptr<bool> x_alive;  // replies that arrive after the end find it false
};

}  // namespace millrace::kube_operator::kube
