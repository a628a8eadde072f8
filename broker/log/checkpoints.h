// The small text files of a log directory, byte for byte as Kafka 3.9 reads and writes them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/log/log_config.h"
#include "lib/base/result.h"
#include "lib/kafka/uuid.h"
#include "lib/runtime/file_system.h"

namespace millrace::broker::log {

inline constexpr std::string_view kRecoveryPointFile = "recovery-point-offset-checkpoint";
inline constexpr std::string_view kLogStartFile = "log-start-offset-checkpoint";
inline constexpr std::string_view kHighWatermarkFile = "replication-offset-checkpoint";
inline constexpr std::string_view kCleanerFile = "cleaner-offset-checkpoint";
inline constexpr std::string_view kLeaderEpochFile = "leader-epoch-checkpoint";
inline constexpr std::string_view kPartitionMetadataFile = "partition.metadata";
inline constexpr std::string_view kMetaPropertiesFile = "meta.properties";
inline constexpr std::string_view kCleanShutdownFile = ".kafka_cleanshutdown";
inline constexpr std::string_view kLockFile = ".lock";
inline constexpr std::uint64_t kCheckpointBytesMax = 256U << 20;

using OffsetCheckpoint = std::map<TopicPartition, std::int64_t>;

// The lines behind version and count, split at blanks into so many words. Errors: malformed.
Result<std::vector<std::vector<std::string>>> checkpoint_lines(std::string_view text,
                                                               std::size_t words);
std::optional<std::int64_t> parse_decimal(std::string_view text);

// "0", count, "topic partition offset" a line. An empty text is an empty checkpoint.
std::string encode_offset_checkpoint(const OffsetCheckpoint& offsets);
Result<OffsetCheckpoint> decode_offset_checkpoint(std::string_view text);

// An absent or unreadable file is an empty checkpoint: a log is then recovered from its start, which is slow and safe.
OffsetCheckpoint read_offset_checkpoint(runtime::FileSystem& files, const std::string& path);

// "version: 0", "topic_id: …".
std::string encode_partition_metadata(const kafka::Uuid& topic_id);
Result<kafka::Uuid> decode_partition_metadata(std::string_view text);

// meta.properties, version 0. Absent values: the directory is fresh.
struct MetaProperties {
    std::optional<std::int32_t> broker_id;
    std::optional<std::string> cluster_id;
    std::optional<std::string>
        directory_id;  // written by brokers on their way to KRaft, kept as it is
};
std::string encode_meta_properties(const MetaProperties& meta);
// Errors: malformed; unsupported for other versions.
Result<MetaProperties> decode_meta_properties(std::string_view text);

// What stands in .kafka_cleanshutdown; readers look only at its presence.
std::string clean_shutdown_text();

}  // namespace millrace::broker::log
