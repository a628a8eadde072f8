#include "broker/server/cluster_link.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/controller/zk_paths.h"
#include "lib/base/log.h"

namespace millrace::broker::server {

namespace paths = controller::paths;
using api::TopicOutcome;
using kafka::ErrorCode;

namespace {

constexpr std::int32_t kProducerIdBlock = 1000;
constexpr std::size_t kProducerIdWaitersMax = 10'000;

// What a failed call to the coordinators means to a Kafka client.
ErrorCode to_kafka(zk::ErrorCode error) {
    return error == zk::ErrorCode::node_exists ? ErrorCode::topic_already_exists
                                               : ErrorCode::unknown_server_error;
}

// Somebody else has written between the reading and the writing of a node.
bool was_outrun(zk::ErrorCode error) {
    return error == zk::ErrorCode::bad_version || error == zk::ErrorCode::node_exists ||
           error == zk::ErrorCode::no_node;
}

std::string describe(zk::ErrorCode error) {
    return fmt::format("the coordinators answered {}", zk::name_of(error));
}

}  // namespace

ClusterLink::ClusterLink(runtime::Loop& loop, const controller::BrokerConfig& config,
                         controller::MetadataCache& metadata, ControllerLink& controller,
                         DynamicConfigs& configs)
    : x_loop(loop),
      x_config(config),
      x_metadata(metadata),
      x_controller(controller),
      x_configs(configs) {}

ClusterLink::~ClusterLink() {
    for (const JobPtr& job : x_waiting) {
        x_loop.cancel(job->timer);
    }
}

std::set<std::string, std::less<>> ClusterLink::known_topics() const {
    if (is_controller()) {
        return x_controller.core().state().topic_names();
    }
    std::set<std::string, std::less<>> names;
    for (const auto& [name, topic] : x_metadata.topics()) {
        names.insert(name);
    }
    return names;
}

std::vector<std::int32_t> ClusterLink::live_brokers() const {
    if (is_controller()) {
        return x_controller.core().state().broker_ids();
    }
    std::vector<std::int32_t> ids;
    for (const auto& [id, broker] : x_metadata.all_brokers()) {
        ids.push_back(id);
    }
    return ids;
}

void ClusterLink::create_topics(std::vector<controller::TopicSpec> topics,
                                api::CreateOptions options, api::TopicOutcomes then) {
    auto job =
        std::make_shared<Job>(Job{.timeout_ms = options.timeout_ms, .then = std::move(then)});
    job->settled = [this](const TopicOutcome& outcome) {
        const controller::CachedTopic* topic = x_metadata.topic(outcome.topic);
        return topic != nullptr &&
               topic->partitions.size() >= static_cast<std::size_t>(outcome.partitions) &&
               std::ranges::all_of(topic->partitions,
                                   [](const auto& entry) { return entry.second.leader >= 0; });
    };
    const std::set<std::string, std::less<>> known = known_topics();
    const controller::TopicContext context{
        .brokers = live_brokers(),
        .topics = known,
        .default_partitions = x_config.in_force().int32("num.partitions"),
        .default_replication_factor =
            static_cast<std::int16_t>(x_config.in_force().int32("default.replication.factor"))};
    for (const controller::TopicSpec& spec : topics) {
        if (options.automatic && !x_being_created.insert(spec.name).second) {
            continue;
        }
        const std::size_t at = job->outcomes.size();
        job->outcomes.push_back({.topic = spec.name});
        if (x_controller.core().is_being_deleted(spec.name)) {
            x_being_created.erase(spec.name);
            job->outcomes[at].error = ErrorCode::topic_already_exists;
            job->outcomes[at].message =
                fmt::format("Topic '{}' is marked for deletion.", spec.name);
            continue;
        }
        const auto decision = controller::plan_topic(spec, context, x_loop.random());
        if (!decision.plan) {
            x_being_created.erase(spec.name);
            job->outcomes[at].error = decision.refusal.error;
            job->outcomes[at].message = decision.refusal.message;
            continue;
        }
        TopicOutcome& outcome = job->outcomes[at];
        outcome.topic_id = decision.plan->record.id;
        outcome.partitions = static_cast<std::int32_t>(decision.plan->record.partitions.size());
        outcome.replication_factor = static_cast<std::int16_t>(
            decision.plan->record.partitions.begin()->second.replicas.size());
        if (!options.validate_only) {
            create_topic(job, at, *decision.plan, controller::ConfigNode::absent);
        }
    }
    if (options.validate_only) {
        job->timeout_ms = 0;
    }
    finish_one(job);
}

void ClusterLink::create_topic(const JobPtr& job, std::size_t at, const controller::TopicPlan& plan,
                               controller::ConfigNode config_node) {
    ++job->open;
    if (x_client == nullptr) {
        fail_outcome(job, at, ErrorCode::unknown_server_error,
                     "there is no session with the coordinators");
        return;
    }
    x_client->multi(
        controller::creation_ops(plan, config_node),
        [this, job, at, plan, config_node](const zk::Answer<zk::MultiResults>& answer) {
            if (answer.ok()) {
                log_info("topics", "created topic {} with {} partitions", plan.name,
                         job->outcomes[at].partitions);
                finish_one(job);
                return;
            }
            const auto failed = std::ranges::find_if(
                answer.value, [](const auto& result) { return result.error != zk::ErrorCode::ok; });
            const auto operation = static_cast<std::size_t>(failed - answer.value.begin());
            if (answer.error != zk::ErrorCode::node_exists) {
                fail_outcome(job, at, to_kafka(answer.error), describe(answer.error));
            } else if (operation == controller::kConfigOp &&
                       config_node == controller::ConfigNode::absent) {
                create_topic(job, at, plan, controller::ConfigNode::present);
                finish_one(job);
            } else {
                fail_outcome(job, at, ErrorCode::topic_already_exists,
                             fmt::format("Topic '{}' already exists.", plan.name));
            }
        });
}

void ClusterLink::add_partitions(std::vector<controller::MorePartitions> topics,
                                 api::CreateOptions options, api::TopicOutcomes then) {
    auto job =
        std::make_shared<Job>(Job{.timeout_ms = options.timeout_ms, .then = std::move(then)});
    job->settled = [this](const TopicOutcome& outcome) {
        return x_metadata.partition_count(outcome.topic) >=
               static_cast<std::size_t>(outcome.partitions);
    };
    if (options.validate_only) {
        job->timeout_ms = 0;
    }
    for (const controller::MorePartitions& wanted : topics) {
        job->outcomes.push_back({.topic = wanted.topic, .partitions = wanted.count});
        extend_topic(job, job->outcomes.size() - 1, wanted, options.validate_only);
    }
    finish_one(job);
}

void ClusterLink::extend_topic(const JobPtr& job, std::size_t at,
                               const controller::MorePartitions& wanted, bool validate_only) {
    ++job->open;
    if (x_client == nullptr) {
        fail_outcome(job, at, ErrorCode::unknown_server_error,
                     "there is no session with the coordinators");
        return;
    }
    x_client->get_data(
        paths::topic(wanted.topic), {},
        [this, job, at, wanted, validate_only](const zk::Answer<zk::NodeData>& answer) {
            const auto present = controller::decode_topic(answer.value.data);
            if (!answer.ok() || !present) {
                fail_outcome(job, at, ErrorCode::unknown_topic_or_partition,
                             fmt::format("The topic '{}' does not exist.", wanted.topic));
                return;
            }
            const auto decision = controller::plan_partitions(wanted, *present, live_brokers());
            if (!decision.plan) {
                fail_outcome(job, at, decision.refusal.error, decision.refusal.message);
                return;
            }
            if (validate_only) {
                finish_one(job);
                return;
            }
            x_client->set_data(
                paths::topic(wanted.topic), controller::encode(*decision.plan),
                answer.value.stat.version, [this, job, at](const zk::Answer<zk::Stat>& written) {
                    if (written.ok()) {
                        finish_one(job);
                    } else {
                        fail_outcome(job, at, ErrorCode::invalid_request,
                                     "the topic was changed at the same time; try again");
                    }
                });
        });
}

void ClusterLink::delete_topics(std::vector<std::string> topics, std::int32_t timeout_ms,
                                api::TopicOutcomes then) {
    auto job = std::make_shared<Job>(Job{.timeout_ms = timeout_ms, .then = std::move(then)});
    job->settled = [this](const TopicOutcome& outcome) {
        // With its settings and the request gone too: a topic of the same name may be made at once.
        return x_metadata.topic(outcome.topic) == nullptr &&
               x_controller.core().state().topic(outcome.topic) == nullptr &&
               !x_controller.core().is_being_deleted(outcome.topic);
    };
    const std::set<std::string, std::less<>> known = known_topics();
    for (const std::string& name : topics) {
        const std::size_t at = job->outcomes.size();
        job->outcomes.push_back({.topic = name});
        if (const controller::CachedTopic* topic = x_metadata.topic(name)) {
            job->outcomes[at].topic_id = topic->id;
        }
        ++job->open;
        if (!known.contains(name)) {
            fail_outcome(job, at, ErrorCode::unknown_topic_or_partition,
                         "This server does not host this topic-partition.");
        } else if (x_client == nullptr) {
            fail_outcome(job, at, ErrorCode::unknown_server_error,
                         "there is no session with the coordinators");
        } else {
            x_client->create(
                paths::delete_topic(name), {}, zk::open_acl(), zk::CreateMode::persistent,
                [this, job, at](const zk::Answer<zk::Created>& answer) {
                    if (answer.ok() || answer.error == zk::ErrorCode::node_exists) {
                        finish_one(job);
                    } else {
                        fail_outcome(job, at, to_kafka(answer.error), describe(answer.error));
                    }
                });
        }
    }
    finish_one(job);
}

void ClusterLink::fail_outcome(const JobPtr& job, std::size_t at, ErrorCode error,
                               std::string message) {
    job->outcomes[at].error = error;
    job->outcomes[at].message = std::move(message);
    finish_one(job);
}

void ClusterLink::finish_one(const JobPtr& job) {
    if (--job->open > 0) {
        return;
    }
    if (job->timeout_ms <= 0 || is_settled(*job)) {
        complete(job, false);
        return;
    }
    x_waiting.push_back(job);
    job->timer = x_loop.run_after(std::chrono::milliseconds(job->timeout_ms), [this, job] {
        std::erase(x_waiting, job);
        complete(job, true);
    });
}

bool ClusterLink::is_settled(const Job& job) const {
    return std::ranges::all_of(job.outcomes, [&](const TopicOutcome& outcome) {
        return outcome.error != ErrorCode::none || job.settled(outcome);
    });
}

void ClusterLink::complete(const JobPtr& job, bool timed_out) {
    for (TopicOutcome& outcome : job->outcomes) {
        x_being_created.erase(outcome.topic);
        if (timed_out && outcome.error == ErrorCode::none && !job->settled(outcome)) {
            outcome.error = ErrorCode::request_timed_out;
            outcome.message = "the change is written; the cluster has not carried it out in time";
        }
    }
    job->then(std::move(job->outcomes));
}

void ClusterLink::cluster_changed() {
    for (auto at = x_waiting.begin(); at != x_waiting.end();) {
        const JobPtr job = *at;
        if (is_settled(*job)) {
            at = x_waiting.erase(at);
            x_loop.cancel(job->timer);
            complete(job, false);
        } else {
            ++at;
        }
    }
}

void ClusterLink::alter_config(std::string entity, api::ConfigChanges changes, bool replace,
                               std::function<void(ErrorCode, std::string)> then) {
    if (x_client == nullptr) {
        then(ErrorCode::unknown_server_error, "there is no session with the coordinators");
        return;
    }
    x_client->get_data(
        paths::config(entity), {},
        [this, entity, changes = std::move(changes), replace,
         then = std::move(then)](const zk::Answer<zk::NodeData>& answer) {
            const bool absent = answer.error == zk::ErrorCode::no_node;
            if (!answer.ok() && !absent) {
                then(ErrorCode::unknown_server_error, describe(answer.error));
                return;
            }
            controller::ConfigWrite write{.entity = entity, .config = {}, .version = std::nullopt};
            if (!absent) {
                write.version = answer.value.stat.version;
            }
            if (!absent && !replace) {
                auto present = controller::decode_config(answer.value.data);
                if (!present) {
                    then(ErrorCode::unknown_server_error,
                         fmt::format("the present settings of {} cannot be read: {}", entity,
                                     present.error().message));
                    return;
                }
                write.config = std::move(*present);
            }
            for (const auto& [key, value] : changes) {
                if (value) {
                    write.config[key] = *value;
                } else {
                    write.config.erase(key);
                }
            }
            x_client->multi(controller::config_ops(write),
                            [this, entity, changes, replace,
                             then](const zk::Answer<zk::MultiResults>& written) {
                                if (written.ok()) {
                                    then(ErrorCode::none, "");
                                } else if (was_outrun(written.error)) {
                                    alter_config(entity, changes, replace, then);
                                } else {
                                    then(ErrorCode::unknown_server_error, describe(written.error));
                                }
                            });
        });
}

void ClusterLink::new_producer_id(std::function<void(ErrorCode, std::int64_t)> then) {
    if (x_id_waiters.size() >= kProducerIdWaitersMax) {
        then(ErrorCode::coordinator_load_in_progress, -1);
        return;
    }
    x_id_waiters.push_back(std::move(then));
    if (x_next_producer_id <= x_last_producer_id) {
        hand_out_producer_ids(ErrorCode::none);
    } else {
        fetch_producer_ids();
    }
}

// A block by compare-and-set on its znode: brokers of every version agree on it.
void ClusterLink::fetch_producer_ids() {
    if (x_fetching_ids) {
        return;
    }
    if (x_client == nullptr) {
        hand_out_producer_ids(ErrorCode::coordinator_load_in_progress);
        return;
    }
    x_fetching_ids = true;
    x_client->get_data(paths::kProducerIdBlock, {}, [this](const zk::Answer<zk::NodeData>& answer) {
        const auto present = controller::decode_producer_id_block(answer.value.data);
        if (!answer.ok() || (!present && !answer.value.data.empty())) {
            x_fetching_ids = false;
            hand_out_producer_ids(ErrorCode::coordinator_load_in_progress);
            return;
        }
        const std::int64_t first = present ? present->last + 1 : 0;
        const controller::ProducerIdBlock block{
            .broker_id = x_broker_id, .first = first, .last = first + kProducerIdBlock - 1};
        x_client->set_data(
            paths::kProducerIdBlock, controller::encode(block), answer.value.stat.version,
            [this, block](const zk::Answer<zk::Stat>& written) {
                x_fetching_ids = false;
                if (written.error == zk::ErrorCode::bad_version) {
                    fetch_producer_ids();
                    return;
                }
                if (written.ok()) {
                    x_next_producer_id = block.first;
                    x_last_producer_id = block.last;
                }
                hand_out_producer_ids(written.ok() ? ErrorCode::none
                                                   : ErrorCode::coordinator_load_in_progress);
            });
    });
}

void ClusterLink::hand_out_producer_ids(ErrorCode error) {
    while (!x_id_waiters.empty()) {
        if (error == ErrorCode::none && x_next_producer_id > x_last_producer_id) {
            fetch_producer_ids();
            return;
        }
        const auto waiter = std::move(x_id_waiters.front());
        x_id_waiters.pop_front();
        waiter(error, error == ErrorCode::none ? x_next_producer_id++ : -1);
    }
}

void ClusterLink::controlled_shutdown(const kafka::ControlledShutdownRequest& request,
                                      std::function<void(kafka::ControlledShutdownResponse)> then) {
    x_controller.controlled_shutdown(
        request.broker_id, request.broker_epoch,
        [then = std::move(then)](const controller::ShutdownAnswer& answer) {
            kafka::ControlledShutdownResponse response;
            response.error_code = static_cast<std::int16_t>(answer.error);
            for (const kafka::TopicPartition& partition : answer.remaining) {
                response.remaining_partitions.push_back(
                    {partition.topic, partition.partition.value()});
            }
            then(response);
        });
}

void ClusterLink::allocate_producer_ids(
    const kafka::AllocateProducerIdsRequest& request,
    std::function<void(kafka::AllocateProducerIdsResponse)> then) {
    x_controller.allocate_producer_ids(
        request.broker_id, request.broker_epoch,
        [then = std::move(then)](const controller::ProducerIdsAnswer& answer) {
            kafka::AllocateProducerIdsResponse response;
            response.error_code = static_cast<std::int16_t>(answer.error);
            response.producer_id_start = answer.first;
            response.producer_id_len = answer.count;
            then(response);
        });
}

}  // namespace millrace::broker::server
