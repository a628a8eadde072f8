// The settings that the coordinators hold, of topics, of this broker and of all brokers: read at start, kept current by watches on
// new topics and by the notices of changes that every tool writes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "broker/controller/zk_records.h"
#include "lib/runtime/loop.h"
#include "lib/zk/client.h"

namespace millrace::broker::server {

// Entities are named as controller::paths::topic_entity and its like do.
class DynamicConfigs {
 public:
    // on_change is told of every entity whose settings were read. loop outlives the object.
    DynamicConfigs(runtime::Loop& loop, std::function<void(const std::string& entity)> on_change);

    // Reads everything, again after an earlier session, and watches; the client stays valid until detach. on_loaded runs once
    // all is read.
    void attach(zk::Client& client, std::int32_t broker_id, std::function<void()> on_loaded);
    void detach();

    // Reads one entity again; then runs in a later turn, or at once without a session.
    void refresh(const std::string& entity, std::function<void()> then);

    // Empty when the entity has none.
    const controller::ConfigMap& of(const std::string& entity) const;

 private:
    // Counts what is still to be read.
    using Loading = std::shared_ptr<std::function<void()>>;

    bool is_current(const std::weak_ptr<int>& session) const {
        return !session.expired() && x_client != nullptr;
    }
    // Reads later what the coordinators did not answer.
    void later(std::function<void()> read);
    void read_topics(const Loading& loading);
    // Until the coordinators have answered.
    void load(const std::string& entity, const Loading& loading);
    void take(const std::string& entity, const zk::Answer<zk::NodeData>& answer);
    void read_notices(bool apply);
    void read_notice(const std::string& name, bool apply);
    void drop_when_old(const std::string& name, std::int64_t made);

    runtime::Loop& x_loop;
    std::function<void(const std::string&)> x_on_change;
    zk::Client* x_client = nullptr;
    std::int32_t x_broker_id = -1;
    std::map<std::string, controller::ConfigMap> x_configs;
    std::map<std::string, std::int64_t>
        x_notices;                   // those still in the coordinators, and when they were made, ms
    std::shared_ptr<int> x_session;  // watches of an older session find it gone
};

}  // namespace millrace::broker::server
