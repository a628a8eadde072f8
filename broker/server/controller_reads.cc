// The part of the controller's link that talks to the coordinators.
#include <algorithm>

#include "broker/controller/zk_paths.h"
#include "broker/server/controller_link.h"
#include "lib/base/log.h"

namespace millrace::broker::server {

namespace paths = controller::paths;
using controller::ControllerView;
using controller::LiveBroker;
using controller::TopicView;
using controller::Watched;
using zk::ErrorCode;

// A read that fails otherwise than by absence is left: the session is broken then, and its end starts everything anew.

void ControllerLink::perform(const controller::ReadController&) {
    if (x_client == nullptr) {
        return;
    }
    x_client->get_data(paths::kController, watcher(Watched::controller),
                       [this](const zk::Answer<zk::NodeData>& answer) {
                           ControllerView view;
                           if (answer.ok()) {
                               const auto record = controller::decode_controller(answer.value.data);
                               if (record) {
                                   view.record = *record;
                               }
                               view.ours =
                                   answer.value.stat.ephemeral_owner == x_client->session_id();
                               read_epoch(view);
                           } else if (answer.error == ErrorCode::no_node) {
                               x_client->exists(paths::kController, watcher(Watched::controller),
                                                [this](const zk::Answer<zk::Stat>& found) {
                                                    if (found.ok()) {
                                                        perform(controller::ReadController{});
                                                    } else {
                                                        read_epoch({});
                                                    }
                                                });
                           }
                       });
}

void ControllerLink::read_epoch(ControllerView view) {
    x_client->get_data(
        paths::kControllerEpoch, {}, [this, view](const zk::Answer<zk::NodeData>& answer) mutable {
            if (answer.error == ErrorCode::no_node) {
                x_client->create(
                    paths::kControllerEpoch, controller::encode_controller_epoch(0),
                    x_options.core.acl, zk::CreateMode::persistent,
                    [this, view](const zk::Answer<zk::Created>&) { read_epoch(view); });
                return;
            }
            if (!answer.ok()) {
                return;
            }
            const auto epoch = controller::decode_controller_epoch(answer.value.data);
            if (!epoch) {
                log_error("controller", "{}: {}", paths::kControllerEpoch, epoch.error().message);
                return;
            }
            view.epoch = *epoch;
            view.epoch_version = answer.value.stat.version;
            perform(x_core.controller_read(view, x_runtime.loop.wall_now()));
        });
}

void ControllerLink::perform(const controller::ReadBrokers&) {
    if (x_client == nullptr) {
        return;
    }
    struct Read {
        std::map<std::int32_t, LiveBroker> brokers;
        std::size_t open = 1;
    };
    x_client->get_children(
        paths::kBrokerIds, watcher(Watched::brokers),
        [this](const zk::Answer<zk::NodeChildren>& children) {
            if (!children.ok()) {
                return;
            }
            auto read = std::make_shared<Read>();
            const auto finish = [this, read] {
                if (--read->open == 0) {
                    perform(x_core.brokers_read(std::move(read->brokers)));
                }
            };
            for (const std::string& name : children.value.names) {
                ++read->open;
                const std::int32_t id = std::atoi(name.c_str());
                x_client->get_data(paths::broker(id), {},
                                   [read, id, finish](const zk::Answer<zk::NodeData>& answer) {
                                       const auto record =
                                           controller::decode_broker(answer.value.data);
                                       if (answer.ok() && record) {
                                           read->brokers[id] = {*record, answer.value.stat.czxid};
                                       }
                                       finish();
                                   });
            }
            finish();
        });
}

void ControllerLink::perform(const controller::ReadTopics&) {
    if (x_client == nullptr) {
        return;
    }
    x_client->get_children(paths::kTopics, watcher(Watched::topics),
                           [this](const zk::Answer<zk::NodeChildren>& answer) {
                               if (answer.ok()) {
                                   const auto& names = answer.value.names;
                                   perform(x_core.topics_read({names.begin(), names.end()}));
                               }
                           });
}

void ControllerLink::perform(const controller::ReadTopic& effect) {
    if (x_client == nullptr) {
        return;
    }
    x_client->get_data(paths::topic(effect.topic), watcher(Watched::topic, effect.topic),
                       [this, topic = effect.topic](const zk::Answer<zk::NodeData>& answer) {
                           if (answer.error == ErrorCode::no_node) {
                               perform(x_core.topic_read(topic, std::nullopt));
                               return;
                           }
                           if (!answer.ok()) {
                               return;
                           }
                           const auto record = controller::decode_topic(answer.value.data);
                           if (!record) {
                               log_error("controller", "{}: {}; the topic is left alone",
                                         paths::topic(topic), record.error().message);
                               return;
                           }
                           auto view = std::make_shared<TopicView>();
                           view->record = *record;
                           view->node_version = answer.value.stat.version;
                           view->unclean_election = x_options.unclean_election(topic);
                           read_states(topic, std::move(view));
                       });
}

void ControllerLink::read_states(const std::string& topic, std::shared_ptr<TopicView> view) {
    x_client->get_children(
        paths::partitions(topic), {},
        [this, topic, view](const zk::Answer<zk::NodeChildren>& children) {
            if (!children.ok() && children.error != ErrorCode::no_node) {
                return;
            }
            view->partitions_node_exists = children.ok();
            auto open = std::make_shared<std::size_t>(1);
            const auto finish = [this, topic, view, open] {
                if (--*open == 0) {
                    perform(x_core.topic_read(topic, *view));
                }
            };
            for (const std::string& name : children.value.names) {
                ++*open;
                const std::int32_t partition = std::atoi(name.c_str());
                view->partition_nodes.insert(partition);
                x_client->get_data(
                    paths::partition_state(topic, partition), {},
                    [view, partition, finish](const zk::Answer<zk::NodeData>& answer) {
                        const auto state = controller::decode_partition_state(
                            answer.value.data, answer.value.stat.version);
                        if (answer.ok() && state) {
                            view->states[partition] = *state;
                        }
                        finish();
                    });
            }
            finish();
        });
}

void ControllerLink::perform(const controller::ReadDeletions&) {
    if (x_client == nullptr) {
        return;
    }
    x_client->get_children(paths::kDeleteTopics, watcher(Watched::deletions),
                           [this](const zk::Answer<zk::NodeChildren>& answer) {
                               if (answer.ok()) {
                                   const auto& names = answer.value.names;
                                   perform(x_core.deletions_read({names.begin(), names.end()}));
                               }
                           });
}

void ControllerLink::perform(const controller::ReadProducerIds&) {
    if (x_client == nullptr) {
        return;
    }
    x_client->get_data(paths::kProducerIdBlock, {}, [this](const zk::Answer<zk::NodeData>& answer) {
        const auto block = controller::decode_producer_id_block(answer.value.data);
        const bool has_block = answer.ok() && block.has_value();
        if (answer.ok() || answer.error == ErrorCode::no_node) {
            perform(x_core.producer_ids_read(has_block ? std::optional(*block) : std::nullopt,
                                             answer.value.stat.version));
        }
    });
}

void ControllerLink::perform(controller::Write& effect) {
    if (x_client == nullptr) {
        return;
    }
    x_client->multi(effect.ops,
                    [this, ticket = effect.ticket](const zk::Answer<zk::MultiResults>& answer) {
                        perform(x_core.written(ticket, answer.error, answer.value));
                    });
}

void ControllerLink::perform(const controller::DeleteTree& effect) {
    if (x_client == nullptr) {
        return;
    }
    delete_all(effect.path, effect.epoch, [this, ticket = effect.ticket](ErrorCode error) {
        perform(x_core.written(ticket, error, {}));
    });
}

void ControllerLink::delete_all(const std::string& path, const zk::CheckOp& epoch,
                                std::function<void(ErrorCode)> then) {
    x_client->get_children(
        path, {},
        [this, path, epoch, then = std::move(then)](const zk::Answer<zk::NodeChildren>& children) {
            if (!children.ok()) {
                then(children.error == ErrorCode::no_node ? ErrorCode::ok : children.error);
                return;
            }
            // Counts down the children; the last one to go takes the node itself along.
            struct Progress {
                std::size_t open = 1;
                ErrorCode error = ErrorCode::ok;
            };
            auto progress = std::make_shared<Progress>();
            const auto finish = [this, progress, path, epoch, then](ErrorCode error) {
                if (error != ErrorCode::ok) {
                    progress->error = error;
                }
                if (--progress->open > 0) {
                    return;
                }
                if (progress->error != ErrorCode::ok) {
                    then(progress->error);
                    return;
                }
                x_client->multi(
                    {epoch, zk::DeleteOp{path}},
                    [then](const zk::Answer<zk::MultiResults>& answer) {
                        then(answer.error == ErrorCode::no_node ? ErrorCode::ok : answer.error);
                    });
            };
            for (const std::string& name : children.value.names) {
                ++progress->open;
                delete_all(path + "/" + name, epoch, finish);
            }
            finish(ErrorCode::ok);
        });
}

void ControllerLink::perform(const controller::ClearNotifications& effect) {
    if (x_client != nullptr) {
        clear_children(std::string(paths::kIsrChanges), effect.epoch);
        clear_children(std::string(paths::kLogDirEvents), effect.epoch);
    }
}

void ControllerLink::clear_children(const std::string& path, const zk::CheckOp& epoch) {
    x_client->get_children(path, {},
                           [this, path, epoch](const zk::Answer<zk::NodeChildren>& answer) {
                               for (const std::string& name : answer.value.names) {
                                   x_client->multi({epoch, zk::DeleteOp{path + "/" + name}},
                                                   [](const zk::Answer<zk::MultiResults>&) {});
                               }
                           });
}

}  // namespace millrace::broker::server
