#include "broker/server/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/controller/zk_paths.h"
#include "broker/server/broker_keys.h"
#include "lib/base/log.h"

namespace millrace::broker::server {

using controller::paths::topic_entity;

namespace {

constexpr int kExitCoordinators = 5;
constexpr int kExitStart = 3;
constexpr int kExitDisk = 4;
constexpr Duration kRegistrationRetry = 500ms;
constexpr Duration kShutdownMax = 10s;  // for the controller's answer and the last acknowledgements

std::vector<std::string> log_directories(const Config& config) {
    return config.has("log.dirs") && !config.list("log.dirs").empty() ? config.list("log.dirs")
                                                                      : config.list("log.dir");
}

}  // namespace

Node::Node(runtime::Runtime runtime, Config config, std::function<void(int)> on_end)
    : x_runtime(runtime),
      x_config(broker_schema(), std::move(config)),
      x_on_end(std::move(on_end)),
      x_configs(runtime.loop, [this](const std::string& entity) { config_changed(entity); }),
      x_acceptor(runtime, x_config.in_force()),
      x_alive(std::make_shared<int>()) {}

Node::~Node() {
    x_runtime.loop.cancel(x_connect_timer);
    x_runtime.loop.cancel(x_stop_timer);
}

std::vector<log::LogDirectory*> Node::directories() {
    std::vector<log::LogDirectory*> directories;
    directories.reserve(x_directories.size());
    for (const auto& directory : x_directories) {
        directories.push_back(directory.get());
    }
    return directories;
}

Status Node::ready() const {
    if (x_stopping) {
        return fail(Errc::shutting_down, "the broker is stopping");
    }
    if (x_broker_id < 0 || x_services == nullptr) {
        return fail(Errc::busy, "not registered with the coordinators yet");
    }
    if (x_metadata.controller_id() < 0 || !x_metadata.is_alive(x_broker_id)) {
        return fail(Errc::busy, "no controller has taken this broker in yet");
    }
    return {};
}

Status Node::start() {
    x_state = BrokerState::starting;
    if (!config().has("zookeeper.connect")) {
        return fail(Errc::invalid_argument,
                    "zookeeper.connect: must be set to host:port[,host:port][/chroot]");
    }
    // Where nothing else is said, clients on this machine are told this.
    x_listeners = TRY(read_listeners(config(), "localhost"));
    TRY(zk::ConnectString::parse(config().text("zookeeper.connect")));
    x_state = BrokerState::recovery;
    TRY(open_directories());
    TRY(x_acceptor.bind(x_listeners));
    const Duration connect_max =
        std::chrono::milliseconds(config().has("zookeeper.connection.timeout.ms")
                                      ? config().int32("zookeeper.connection.timeout.ms")
                                      : config().int32("zookeeper.session.timeout.ms"));
    x_connect_timer = x_runtime.loop.run_after(connect_max, [this] {
        log_error("broker",
                  "no session with the coordinators at {} within zookeeper.connection.timeout.ms",
                  config().text("zookeeper.connect"));
        end(kExitCoordinators);
    });
    connect();
    return {};
}

Status Node::open_directories() {
    for (const std::string& path : log_directories(config())) {
        TRY(x_runtime.files.make_durable_directories(path));
        log::LogDirectoryOptions options;
        options.path = path;
        options.config_of = [this](const std::string& topic) {
            return log_config_of(config(), x_configs.of(topic_entity(topic)));
        };
        options.retention_check_ms = config().int64("log.retention.check.interval.ms");
        options.checkpoint_ms = config().int32("log.flush.offset.checkpoint.interval.ms");
        options.high_watermark_checkpoint_ms =
            config().int64("replica.high.watermark.checkpoint.interval.ms");
        options.producer_id_expiration_ms = config().int32("producer.id.expiration.ms");
        options.on_offline = [this, path](const Error& error) {
            log_error("log", "log directory {} is offline: {}; the broker stops", path,
                      error.message);
            end(kExitDisk);
        };
        x_directories.push_back(TRY(log::LogDirectory::open(x_runtime, std::move(options))));
        const log::LogDirectory& directory = *x_directories.back();
        log_info("log", "opened {}: {} partitions, {}", path, x_directories.back()->all().size(),
                 directory.was_clean() ? "closed in order" : "recovered");
    }
    return {};
}

void Node::connect() {
    zk::ClientOptions options;
    options.servers = *zk::ConnectString::parse(config().text("zookeeper.connect"));
    options.session_timeout =
        std::chrono::milliseconds(config().int32("zookeeper.session.timeout.ms"));
    if (!options.servers.chroot.empty() && x_broker_id < 0) {
        // The chroot may not exist yet: it is made over a session of its own.
        zk::ClientOptions plain = options;
        plain.servers.chroot.clear();
        x_chroot_client = std::make_unique<zk::Client>(x_runtime.loop, x_runtime.network, plain,
                                                       [](zk::SessionEvent) {});
        x_chroot_client->start();
        make_chroot(0);
    }
    x_client = std::make_unique<zk::Client>(x_runtime.loop, x_runtime.network, std::move(options),
                                            [this](zk::SessionEvent event) { on_session(event); });
    if (x_chroot_client == nullptr) {
        x_client->start();
    }
}

// Creates the chroot component by component, each ending at the next slash behind `length`.
void Node::make_chroot(std::size_t length) {
    const std::string chroot = zk::ConnectString::parse(config().text("zookeeper.connect"))->chroot;
    if (length >= chroot.size()) {
        x_chroot_client->close([this] {
            x_runtime.loop.post([this, alive = std::weak_ptr(x_alive)] {
                if (!alive.expired()) {
                    x_chroot_client.reset();
                }
            });
        });
        x_client->start();
        return;
    }
    const std::size_t end = std::min(chroot.find('/', length + 1), chroot.size());
    x_chroot_client->create(chroot.substr(0, end), {}, zk::open_acl(), zk::CreateMode::persistent,
                            [this, end](const zk::Answer<zk::Created>& answer) {
                                if (answer.ok() || answer.error == zk::ErrorCode::node_exists) {
                                    make_chroot(end);
                                } else {
                                    log_error("broker",
                                              "cannot create the chroot of zookeeper.connect: {}",
                                              zk::name_of(answer.error));
                                }
                            });
}

void Node::on_session(zk::SessionEvent event) {
    switch (event) {
        case zk::SessionEvent::connected:
            log_info("session", "connected to the coordinators, session {:#x}",
                     x_client->session_id());
            if (x_registration == nullptr) {
                begin_registration();
            }
            break;
        case zk::SessionEvent::disconnected:
            log_warning("session",
                        "lost the connection to the coordinators; trying to get it back");
            break;
        case zk::SessionEvent::expired:
        case zk::SessionEvent::auth_failed:
            log_warning("session",
                        "the session with the coordinators has ended; a new one is begun");
            x_registration.reset();
            x_configs.detach();
            if (x_cluster != nullptr) {
                x_cluster->detach();
                x_controller->session_expired();
            }
            // Not inside the callback of the client that goes.
            x_runtime.loop.post([this, alive = std::weak_ptr(x_alive)] {
                if (!alive.expired() && !x_stopping) {
                    connect();
                }
            });
            break;
    }
}

void Node::begin_registration() {
    controller::RegistrationOptions options;
    options.broker_id = x_broker_id >= 0 ? x_broker_id : config().int32("broker.id");
    options.generate_broker_id = config().boolean("broker.id.generation.enable");
    options.reserved_broker_id_max = config().int32("reserved.broker.max.id");
    options.record.endpoints = registered_endpoints(x_listeners);
    options.record.timestamp = x_runtime.loop.wall_now().millis;
    if (config().has("broker.rack")) {
        options.record.rack = config().text("broker.rack");
    }
    for (const auto& directory : x_directories) {
        if (directory->meta().broker_id) {
            options.stored_broker_id = directory->meta().broker_id;
        }
        if (directory->meta().cluster_id) {
            options.stored_cluster_id = directory->meta().cluster_id;
        }
    }
    // An earlier session of this id ends by itself within its timeout; after twice that its owner lives.
    options.conflict_wait_max =
        2 * std::chrono::milliseconds(config().int32("zookeeper.session.timeout.ms"));
    options.session_id = x_client->session_id();
    options.previous_session_id = x_session_id;
    x_session_id = x_client->session_id();
    x_registration =
        std::make_unique<controller::Registration>(std::move(options), x_runtime.loop.random());
    take_step(x_registration->start());
}

void Node::take_step(const controller::RegistrationStep& step) {
    if (const auto* get = std::get_if<controller::ZkGet>(&step)) {
        x_client->get_data(get->path, {}, [this](zk::Answer<zk::NodeData> answer) {
            take_reply({.error = answer.error,
                        .data = std::move(answer.value.data),
                        .stat = answer.value.stat,
                        .results = {}});
        });
    } else if (const auto* multi = std::get_if<controller::ZkMulti>(&step)) {
        x_client->multi(multi->ops, [this](zk::Answer<zk::MultiResults> answer) {
            take_reply({.error = answer.error,
                        .data = {},
                        .stat = {},
                        .results = std::move(answer.value)});
        });
    } else if (const auto* wait = std::get_if<controller::ZkWait>(&step)) {
        log_info("session",
                 "an earlier session still holds the id of this broker; waiting for its end");
        x_runtime.loop.cancel(x_connect_timer);
        x_runtime.loop.run_at(wait->until, [this, alive = std::weak_ptr(x_alive)] {
            if (!alive.expired() && x_registration != nullptr) {
                take_step(x_registration->resume());
            }
        });
    } else {
        registered(std::get<controller::Registered>(step));
    }
}

void Node::take_reply(const controller::ZkReply& reply) {
    if (x_registration == nullptr) {
        return;
    }
    auto next = x_registration->answered(reply, x_runtime.loop.now());
    if (next) {
        take_step(*next);
        return;
    }
    if (next.error().code == Errc::connection_lost || next.error().code == Errc::timed_out) {
        x_runtime.loop.run_after(kRegistrationRetry, [this, alive = std::weak_ptr(x_alive)] {
            if (!alive.expired() && x_registration != nullptr) {
                take_step(x_registration->start());
            }
        });
        return;
    }
    log_error("broker", "cannot register: {}", next.error().message);
    end(kExitStart);
}

void Node::registered(const controller::Registered& result) {
    x_runtime.loop.cancel(x_connect_timer);
    x_broker_id = result.broker_id;
    x_broker_epoch = result.broker_epoch;
    x_cluster_id = result.cluster_id;
    for (const auto& directory : x_directories) {
        const Status status = directory->set_meta(x_broker_id, x_cluster_id);
        if (!status) {
            log_error("broker", "{}: {}", directory->path(), status.error().message);
            end(kExitStart);
            return;
        }
    }
    log_info("broker", "registered as broker {} of cluster {}, epoch {}", x_broker_id, x_cluster_id,
             x_broker_epoch);
    if (x_services == nullptr) {
        make_services();
    }
    x_cluster->attach(*x_client);
    x_configs.attach(*x_client, x_broker_id, [this] {
        if (x_state != BrokerState::running) {
            // Not before: what the coordinators hold may keep records that the file alone would let go.
            for (const auto& directory : x_directories) {
                directory->start();
            }
        }
        x_state = BrokerState::running;
        x_controller->start(*x_client);
    });
}

void Node::make_services() {
    const auto durability = config().boolean("millrace.flush.before.ack")
                                ? replica::Durability::synced
                                : replica::Durability::page_cache;
    x_replicas = std::make_unique<replica::ReplicaSet>(directories(), x_broker_id, durability);
    ControllerLinkOptions options;
    options.core = {.broker_id = x_broker_id,
                    .listener = x_listeners.inter_broker,
                    .delete_topics = config().boolean("delete.topic.enable")};
    options.request_timeout =
        std::chrono::milliseconds(config().int32("controller.socket.timeout.ms"));
    options.unclean_election = [this](const std::string& topic) {
        const controller::ConfigMap& own_settings = x_configs.of(topic_entity(topic));
        const auto own = own_settings.find("unclean.leader.election.enable");
        return own == own_settings.end() ? config().boolean("unclean.leader.election.enable")
                                         : own->second == "true";
    };
    options.on_controller = [this](std::int32_t id) { x_metadata.set_controller_id(id); };
    options.on_step = [this] {
        if (x_cluster != nullptr) {
            x_cluster->cluster_changed();
        }
    };
    x_controller = std::make_unique<ControllerLink>(x_runtime, std::move(options));
    x_cluster = std::make_unique<ClusterLink>(x_runtime.loop, x_config, x_metadata, *x_controller,
                                              x_configs);
    x_cluster->set_broker_id(x_broker_id);
    x_groups =
        std::make_unique<api::GroupService>(x_runtime.loop, *x_replicas, group_config_of(config()));
    x_services = std::make_unique<api::Services>(
        api::Services{.loop = x_runtime.loop,
                      .config = x_config,
                      .broker_id = x_broker_id,
                      .cluster_id = x_cluster_id,
                      .broker_epoch = [this] { return x_broker_epoch; },
                      .replicas = *x_replicas,
                      .metadata = x_metadata,
                      .groups = *x_groups,
                      .cluster = *x_cluster,
                      .on_metadata = [this] { x_cluster->cluster_changed(); }});
    const Status serving = x_acceptor.serve(*x_services);
    if (!serving) {
        log_error("listener", "{}", serving.error().message);
        end(kExitStart);
    }
}

void Node::config_changed(const std::string& entity) {
    constexpr std::string_view kTopics = "topics/";
    if (entity.starts_with(kTopics)) {
        apply_log_configs(entity.substr(kTopics.size()));
    } else {
        set_broker_config();
    }
}

void Node::set_broker_config() {
    const auto& for_all = x_configs.of(std::string(controller::paths::kAllBrokersEntity));
    const auto& own = x_configs.of(controller::paths::broker_entity(x_broker_id));
    if (for_all == x_config.for_all() && own == x_config.own()) {
        return;
    }
    for (const std::string& remark : x_config.set_dynamic(for_all, own)) {
        log_warning("config", "{}", remark);
    }
    for (const auto& directory : x_directories) {
        directory->set_producer_id_expiration(config().int32("producer.id.expiration.ms"));
    }
    apply_log_configs(std::nullopt);
}

void Node::apply_log_configs(const std::optional<std::string>& only) {
    std::map<std::string, log::LogConfig> settings;
    for (replica::Partition* partition : x_replicas->all()) {
        const std::string& topic = partition->id().topic;
        if (only && *only != topic) {
            continue;
        }
        const auto [at, is_new] = settings.try_emplace(topic);
        if (is_new) {
            at->second = log_config_of(config(), x_configs.of(topic_entity(topic)));
        }
        partition->log().set_config(at->second);
    }
}

void Node::stop() {
    if (x_stopping) {
        return;
    }
    x_stopping = true;
    log_info("broker", "stopping");
    const BrokerState before = x_state;
    x_state = BrokerState::pending_shutdown;
    x_runtime.loop.cancel(x_connect_timer);
    const auto controller = x_metadata.broker(x_metadata.controller_id(), x_listeners.inter_broker);
    if (before != BrokerState::running || !controller ||
        !config().boolean("controlled.shutdown.enable")) {
        finish_stop();
        return;
    }
    x_stop_timer = x_runtime.loop.run_after(kShutdownMax, [this] {
        log_warning("broker", "the controller did not answer the shutdown in time");
        x_stop_timer = runtime::TimerId::none;
        finish_stop();
    });
    x_shutdown_client = std::make_unique<kafka::Client>(
        x_runtime.loop, x_runtime.network,
        runtime::Endpoint{controller->host, static_cast<std::uint16_t>(controller->port)},
        kafka::ClientOptions{.client_id = std::to_string(x_broker_id)});
    x_shutdown_client->send<kafka::ControlledShutdownRequest>(
        {.broker_id = x_broker_id, .broker_epoch = x_broker_epoch},
        [this](const Result<kafka::ControlledShutdownResponse>& response) {
            if (!response) {
                log_warning("broker", "the controller did not answer the shutdown: {}",
                            response.error().message);
            }
            x_runtime.loop.cancel(x_stop_timer);
            x_stop_timer = runtime::TimerId::none;
            finish_stop();
        });
}

void Node::finish_stop() {
    x_state = BrokerState::shutting_down;
    x_acceptor.stop();
    const auto close_logs = [this] {
        int exit_code = 0;
        for (const auto& directory : x_directories) {
            const Status status = directory->close();
            if (!status) {
                log_error("log", "closing {}: {}", directory->path(), status.error().message);
                exit_code = kExitDisk;
            }
        }
        end(exit_code);
    };
    // The end of the session takes the broker's node away: the controller learns at once that it is gone.
    if (x_client != nullptr && x_client->connected()) {
        x_client->close([this, close_logs, alive = std::weak_ptr(x_alive)] {
            if (!alive.expired()) {
                x_runtime.loop.post(close_logs);
            }
        });
    } else {
        x_runtime.loop.post(close_logs);
    }
}

void Node::end(int exit_code) {
    x_stopping = true;
    x_state = BrokerState::not_running;
    x_on_end(exit_code);
}

}  // namespace millrace::broker::server
