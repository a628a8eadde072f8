// Where Kafka 3.9 keeps what in ZooKeeper, below the chroot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::broker::controller::paths {

constexpr std::string_view kBrokerIds = "/brokers/ids";
constexpr std::string_view kTopics = "/brokers/topics";
constexpr std::string_view kBrokerSequence = "/brokers/seqid";
constexpr std::string_view kController = "/controller";
constexpr std::string_view kControllerEpoch = "/controller_epoch";
constexpr std::string_view kClusterId = "/cluster/id";
constexpr std::string_view kDeleteTopics = "/admin/delete_topics";
constexpr std::string_view kReassignPartitions = "/admin/reassign_partitions";
constexpr std::string_view kPreferredElection = "/admin/preferred_replica_election";
constexpr std::string_view kIsrChanges = "/isr_change_notification";
constexpr std::string_view kLogDirEvents = "/log_dir_event_notification";
constexpr std::string_view kTopicConfigs = "/config/topics";
constexpr std::string_view kConfigChanges = "/config/changes";
// Persistent sequential: the server appends ten digits.
constexpr std::string_view kConfigChangePrefix = "/config/changes/config_change_";
constexpr std::string_view kProducerIdBlock = "/latest_producer_id_block";
constexpr std::string_view kFeature = "/feature";
constexpr std::string_view kMigration = "/migration";

// The persistent nodes that every broker makes sure of at start, parents before children.
const std::vector<std::string>& persistent();

std::string broker(std::int32_t broker_id);
std::string topic(std::string_view topic);
std::string partitions(std::string_view topic);
std::string partition(std::string_view topic, std::int32_t partition);
std::string partition_state(std::string_view topic, std::int32_t partition);
std::string delete_topic(std::string_view topic);

// What has settings, as the notices of changes name it: "topics/T", "brokers/1", "brokers/<default>", "users/U" (sanitized), ….
constexpr std::string_view kAllBrokersEntity = "brokers/<default>";
std::string topic_entity(std::string_view topic);
std::string broker_entity(std::int32_t broker_id);
// The node of its settings.
std::string config(std::string_view entity);

// A name as it stands in a path: URL-encoded, and '*' and blanks as %2A and %20. Brokers do so with users and client ids.
std::string sanitize(std::string_view name);
std::string unsanitize(std::string_view name);

}  // namespace millrace::broker::controller::paths
