#include "broker/server/dynamic_configs.h"

#include <algorithm>
#include <set>

#include "broker/controller/zk_paths.h"
#include "lib/base/log.h"

namespace millrace::broker::server {

namespace paths = controller::paths;

namespace {

constexpr std::string_view kTopicPrefix = "topics/";
// As Kafka: every broker has seen a notice by then.
constexpr Duration kRetry = 500ms;
constexpr std::int64_t kNoticeAgeMaxMs = 15LL * 60 * 1000;

std::string notice_path(const std::string& name) {
    return std::string(paths::kConfigChanges) + "/" + name;
}

}  // namespace

DynamicConfigs::DynamicConfigs(runtime::Loop& loop,
                               std::function<void(const std::string&)> on_change)
    : x_loop(loop), x_on_change(std::move(on_change)), x_session(std::make_shared<int>()) {}

void DynamicConfigs::attach(zk::Client& client, std::int32_t broker_id,
                            std::function<void()> on_loaded) {
    x_client = &client;
    x_broker_id = broker_id;
    x_session = std::make_shared<int>();
    x_notices.clear();
    // The last owner to let go calls back.
    const Loading loading(new std::function<void()>(std::move(on_loaded)),
                          [session = std::weak_ptr(x_session)](std::function<void()>* then) {
                              const std::unique_ptr<std::function<void()>> owned(then);
                              if (!session.expired()) {
                                  (*owned)();
                              }
                          });
    read_notices(false);
    load(std::string(paths::kAllBrokersEntity), loading);
    load(paths::broker_entity(broker_id), loading);
    for (const auto& [entity, config] : x_configs) {
        if (entity.starts_with(kTopicPrefix)) {
            load(entity, loading);
        }
    }
    read_topics(loading);
}

void DynamicConfigs::detach() {
    x_client = nullptr;
    x_session = std::make_shared<int>();
}

void DynamicConfigs::refresh(const std::string& entity, std::function<void()> then) {
    if (x_client == nullptr) {
        then();
        return;
    }
    x_client->get_data(
        paths::config(entity), {},
        [this, entity, then = std::move(then)](const zk::Answer<zk::NodeData>& answer) {
            take(entity, answer);
            then();
        });
}

const controller::ConfigMap& DynamicConfigs::of(const std::string& entity) const {
    static const controller::ConfigMap kNone;
    const auto found = x_configs.find(entity);
    return found == x_configs.end() ? kNone : found->second;
}

void DynamicConfigs::later(std::function<void()> read) {
    x_loop.run_after(kRetry, [this, session = std::weak_ptr(x_session), read = std::move(read)] {
        if (is_current(session)) {
            read();
        }
    });
}

void DynamicConfigs::read_topics(const Loading& loading) {
    const auto on_event = [this, session = std::weak_ptr(x_session)](const zk::WatchEvent&) {
        if (is_current(session)) {
            read_topics(nullptr);
        }
    };
    x_client->get_children(
        paths::kTopicConfigs, on_event,
        [this, loading,
         session = std::weak_ptr(x_session)](const zk::Answer<zk::NodeChildren>& answer) {
            if (!is_current(session)) {
                return;
            }
            if (!answer.ok()) {
                later([this, loading] { read_topics(loading); });
                return;
            }
            std::set<std::string> entities;
            for (const std::string& name : answer.value.names) {
                entities.insert(paths::topic_entity(name));
            }
            std::erase_if(x_configs, [&](const auto& entry) {
                return entry.first.starts_with(kTopicPrefix) && !entities.contains(entry.first);
            });
            for (const std::string& entity : entities) {
                if (!x_configs.contains(entity)) {
                    load(entity, loading);
                }
            }
        });
}

void DynamicConfigs::load(const std::string& entity, const Loading& loading) {
    x_client->get_data(paths::config(entity), {},
                       [this, entity, loading, session = std::weak_ptr(x_session)](
                           const zk::Answer<zk::NodeData>& answer) {
                           if (!is_current(session)) {
                               return;
                           }
                           if (answer.ok() || answer.error == zk::ErrorCode::no_node) {
                               take(entity, answer);
                           } else {
                               later([this, entity, loading] { load(entity, loading); });
                           }
                       });
}

void DynamicConfigs::take(const std::string& entity, const zk::Answer<zk::NodeData>& answer) {
    if (answer.error == zk::ErrorCode::no_node) {
        x_configs.erase(entity);
        x_on_change(entity);
        return;
    }
    if (!answer.ok()) {
        return;
    }
    const auto config = controller::decode_config(answer.value.data);
    if (!config) {
        log_error("config", "settings of {}: {}; the present ones stay", entity,
                  config.error().message);
        return;
    }
    x_configs[entity] = *config;
    x_on_change(entity);
}

void DynamicConfigs::read_notices(bool apply) {
    const auto on_event = [this, session = std::weak_ptr(x_session)](const zk::WatchEvent&) {
        if (is_current(session)) {
            read_notices(true);
        }
    };
    x_client->get_children(paths::kConfigChanges, on_event,
                           [this, apply, session = std::weak_ptr(x_session)](
                               const zk::Answer<zk::NodeChildren>& answer) {
                               if (!is_current(session)) {
                                   return;
                               }
                               if (!answer.ok()) {
                                   later([this, apply] { read_notices(apply); });
                                   return;
                               }
                               const std::set<std::string> present(answer.value.names.begin(),
                                                                   answer.value.names.end());
                               std::erase_if(x_notices, [&](const auto& entry) {
                                   return !present.contains(entry.first);
                               });
                               for (const std::string& name : present) {
                                   const auto known = x_notices.find(name);
                                   if (known == x_notices.end()) {
                                       read_notice(name, apply);
                                   } else {
                                       drop_when_old(name, known->second);
                                   }
                               }
                           });
}

void DynamicConfigs::read_notice(const std::string& name, bool apply) {
    x_notices[name] = x_loop.wall_now().millis;
    x_client->get_data(
        notice_path(name), {},
        [this, name, apply,
         session = std::weak_ptr(x_session)](const zk::Answer<zk::NodeData>& answer) {
            if (!is_current(session) || answer.error == zk::ErrorCode::no_node) {
                return;
            }
            if (!answer.ok()) {
                later([this, name, apply] { read_notice(name, apply); });
                return;
            }
            x_notices[name] = answer.value.stat.ctime;
            drop_when_old(name, answer.value.stat.ctime);
            const auto entity = controller::decode_config_change(answer.value.data);
            if (!entity || !apply) {
                return;
            }
            if (entity->starts_with(kTopicPrefix) || *entity == paths::kAllBrokersEntity ||
                *entity == paths::broker_entity(x_broker_id)) {
                load(*entity, nullptr);
            }
        });
}

void DynamicConfigs::drop_when_old(const std::string& name, std::int64_t made) {
    if (x_loop.wall_now().millis - made > kNoticeAgeMaxMs) {
        // Another broker may be faster.
        x_client->remove(notice_path(name), zk::kAnyVersion, [](const auto&) {});
    }
}

}  // namespace millrace::broker::server
