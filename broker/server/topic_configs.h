// The settings of all topics as the coordinators hold them: read at start, kept current by watches on new topics and by the
// change notifications that every tool writes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "broker/controller/zk_records.h"
#include "lib/zk/client.h"

namespace millrace::broker::server {

class TopicConfigs {
 public:
    // on_change is told of every topic whose settings were read.
    explicit TopicConfigs(std::function<void(const std::string& topic)> on_change);

    // Reads everything and watches; the client stays valid until detach. on_loaded runs once, after the first full read.
    void attach(zk::Client& client, std::function<void()> on_loaded);
    void detach();

    // Reads one topic again; then runs in a later turn, or at once without a session.
    void refresh(const std::string& topic, std::function<void()> then);

    // Empty when the topic has none.
    const controller::ConfigMap& of(std::string_view topic) const;

 private:
    void read_topics(std::function<void()> then);
    void read_topic(const std::string& topic, std::function<void()> then);
    void read_changes(bool apply);
    void apply_change(const std::string& name);

    std::function<void(const std::string&)> x_on_change;
    zk::Client* x_client = nullptr;
    std::map<std::string, controller::ConfigMap, std::less<>> x_configs;
    std::set<std::string> x_seen_changes;  // those still in the coordinators
    std::shared_ptr<int> x_session;        // watches of an older session find it gone
};

}  // namespace millrace::broker::server
