// What the API handlers work on. The server owns all of it and implements the interfaces that reach outside the process.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/broker_config.h"
#include "broker/controller/metadata_cache.h"
#include "broker/controller/topic_creation.h"
#include "broker/replica/replica_set.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/response_of.h"
#include "lib/runtime/loop.h"

namespace millrace::broker::api {

class GroupService;

// What one topic of a changing request came to.
struct TopicOutcome {
    std::string topic;
    kafka::ErrorCode error = kafka::ErrorCode::none;
    std::string message;  // for people; empty with none
    kafka::Uuid topic_id;
    std::int32_t partitions = -1;
    std::int16_t replication_factor = -1;
};
using TopicOutcomes = std::function<void(std::vector<TopicOutcome>)>;

struct CreateOptions {
    bool validate_only = false;
    std::int32_t timeout_ms = 60'000;  // how long to wait for leaders; 0: not at all
    bool automatic = false;            // made by a Metadata request: an existing topic is no error
};

// Changes of the settings of an entity. No value: the setting is taken away.
using ConfigChanges = std::map<std::string, std::optional<std::string>>;

// Cluster-wide matters that go through the coordinators. All callbacks run on the loop, in a later turn.
class Cluster {
 public:
    virtual ~Cluster() = default;

    // Whether this broker is the controller now.
    virtual bool is_controller() const = 0;
    virtual void create_topics(std::vector<controller::TopicSpec> topics, CreateOptions options,
                               TopicOutcomes then) = 0;
    virtual void add_partitions(std::vector<controller::MorePartitions> topics,
                                CreateOptions options, TopicOutcomes then) = 0;
    virtual void delete_topics(std::vector<std::string> topics, std::int32_t timeout_ms,
                               TopicOutcomes then) = 0;
    // The own settings of an entity (controller::paths::topic_entity, …) as the coordinators gave them; empty when it has none.
    virtual const controller::ConfigMap& config_of(const std::string& entity) const = 0;
    // Asks the coordinators for an entity's settings, so that config_of shows what was written before this call, by whichever
    // broker. Without an answer the settings known so far stay.
    virtual void refresh_config(std::string entity, std::function<void()> then) = 0;
    // replace: settings that are not named are taken away (the old AlterConfigs).
    virtual void alter_config(std::string entity, ConfigChanges changes, bool replace,
                              std::function<void(kafka::ErrorCode, std::string)> then) = 0;
    // A fresh producer id. Errors: coordinator_load_in_progress while a block is being fetched in vain.
    virtual void new_producer_id(std::function<void(kafka::ErrorCode, std::int64_t)> then) = 0;

    // Requests of the controller and of brokers to the controller; answered when applied.
    virtual void controlled_shutdown(
        const kafka::ControlledShutdownRequest& request,
        std::function<void(kafka::ControlledShutdownResponse)> then) = 0;
    virtual void allocate_producer_ids(
        const kafka::AllocateProducerIdsRequest& request,
        std::function<void(kafka::AllocateProducerIdsResponse)> then) = 0;
};

struct Services {
    runtime::Loop& loop;
    const controller::BrokerConfig& config;
    std::int32_t broker_id;
    std::string cluster_id;
    // czxid of this broker's node; requests of the controller name it.
    std::function<std::int64_t()> broker_epoch;
    // Highest epoch seen of any controller; a request with a lower one is refused.
    std::int32_t controller_epoch = 0;
    replica::ReplicaSet& replicas;
    controller::MetadataCache& metadata;
    GroupService& groups;
    Cluster& cluster;
    // Called after an UpdateMetadata has been taken in.
    std::function<void()> on_metadata;
    // Records that producers have written, for the metrics.
    std::uint64_t records_in = 0;
};

}  // namespace millrace::broker::api
