#include "broker/server/topic_configs.h"

#include <algorithm>

#include "broker/controller/zk_paths.h"
#include "lib/base/log.h"

namespace millrace::broker::server {

namespace paths = controller::paths;

namespace {

const std::string kTopicConfigs = "/config/topics";
constexpr std::string_view kTopicEntity = "topics/";

}  // namespace

TopicConfigs::TopicConfigs(std::function<void(const std::string&)> on_change)
    : x_on_change(std::move(on_change)), x_session(std::make_shared<int>()) {}

void TopicConfigs::attach(zk::Client& client, std::function<void()> on_loaded) {
    x_client = &client;
    x_session = std::make_shared<int>();
    read_changes(false);
    read_topics(std::move(on_loaded));
}

void TopicConfigs::detach() {
    x_client = nullptr;
    x_session = std::make_shared<int>();
}

void TopicConfigs::refresh(const std::string& topic, std::function<void()> then) {
    if (x_client == nullptr) {
        then();
        return;
    }
    read_topic(topic, std::move(then));
}

const controller::ConfigMap& TopicConfigs::of(std::string_view topic) const {
    static const controller::ConfigMap kNone;
    const auto found = x_configs.find(topic);
    return found == x_configs.end() ? kNone : found->second;
}

void TopicConfigs::read_topics(std::function<void()> then) {
    const auto on_event = [this, session = std::weak_ptr(x_session)](const zk::WatchEvent&) {
        if (!session.expired() && x_client != nullptr) {
            read_topics([] {});
        }
    };
    x_client->get_children(
        kTopicConfigs, on_event,
        [this, then = std::move(then)](const zk::Answer<zk::NodeChildren>& answer) {
            if (!answer.ok()) {
                return;
            }
            const std::set<std::string> names(answer.value.names.begin(), answer.value.names.end());
            std::erase_if(x_configs,
                          [&](const auto& entry) { return !names.contains(entry.first); });
            auto open = std::make_shared<std::size_t>(1);
            const auto finish = [open, then] {
                if (--*open == 0) {
                    then();
                }
            };
            for (const std::string& name : names) {
                if (!x_configs.contains(name)) {
                    ++*open;
                    read_topic(name, finish);
                }
            }
            finish();
        });
}

void TopicConfigs::read_topic(const std::string& topic, std::function<void()> then) {
    x_client->get_data(
        kTopicConfigs + "/" + topic, {},
        [this, topic, then = std::move(then)](const zk::Answer<zk::NodeData>& answer) {
            if (answer.ok()) {
                const auto config = controller::decode_config(answer.value.data);
                if (config) {
                    x_configs[topic] = *config;
                    x_on_change(topic);
                } else {
                    log_error("config", "settings of topic {}: {}; the present ones stay", topic,
                              config.error().message);
                }
            }
            then();
        });
}

void TopicConfigs::read_changes(bool apply) {
    const auto on_event = [this, session = std::weak_ptr(x_session)](const zk::WatchEvent&) {
        if (!session.expired() && x_client != nullptr) {
            read_changes(true);
        }
    };
    x_client->get_children(paths::kConfigChanges, on_event,
                           [this, apply](const zk::Answer<zk::NodeChildren>& answer) {
                               if (!answer.ok()) {
                                   return;
                               }
                               const auto& names = answer.value.names;
                               const std::set<std::string> present(names.begin(), names.end());
                               for (const std::string& name : present) {
                                   if (apply && !x_seen_changes.contains(name)) {
                                       apply_change(name);
                                   }
                               }
                               x_seen_changes = present;
                           });
}

void TopicConfigs::apply_change(const std::string& name) {
    x_client->get_data(std::string(paths::kConfigChanges) + "/" + name, {},
                       [this](const zk::Answer<zk::NodeData>& answer) {
                           const auto entity = controller::decode_config_change(answer.value.data);
                           if (answer.ok() && entity && entity->starts_with(kTopicEntity)) {
                               read_topic(entity->substr(kTopicEntity.size()), [] {});
                           }
                       });
}

}  // namespace millrace::broker::server
