// The settings of one log, as topic configurations of Kafka 3.9 name them; defaults are those of the broker.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "lib/kafka/compression.h"

namespace millrace::broker::log {

inline constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

struct TopicPartition {
    std::string topic;
    std::int32_t partition = 0;

    auto operator<=>(const TopicPartition&) const = default;
    // "topic-partition", also the name of its folder.
    std::string to_string() const;
};

enum class TimestampType : std::int8_t { create_time = 0, log_append_time = 1 };

// Times in milliseconds, sizes in bytes.
struct LogConfig {
    std::int32_t segment_bytes = 1 << 30;
    std::int64_t segment_ms = 7LL * 24 * 3600 * 1000;
    std::int64_t segment_jitter_ms = 0;
    std::int32_t segment_index_bytes = 10 << 20;
    std::int32_t index_interval_bytes = 4096;
    std::int64_t retention_ms = 7LL * 24 * 3600 * 1000;  // -1: no limit
    std::int64_t retention_bytes = -1;                   // -1: no limit
    std::int64_t file_delete_delay_ms = 60'000;
    std::int32_t max_message_bytes = 1'048'588;  // of one batch, header included
    TimestampType timestamp_type = TimestampType::create_time;
    std::int64_t timestamp_before_max_ms = kNoLimit;
    std::int64_t timestamp_after_max_ms = kNoLimit;
    std::int64_t flush_messages = kNoLimit;  // flush.messages: sync after so many records
    std::int64_t flush_ms = kNoLimit;  // flush.ms: sync when the oldest unsynced one is so old
    // What Produce and Fetch make of batches on their way; the log itself keeps what it is given.
    std::optional<kafka::Codec> compression;  // compression.type; nothing: as the producer sent it
    std::optional<int> compression_level;     // of that codec; nothing: its default
    bool down_conversion = true;              // message.downconversion.enable
    std::int32_t in_sync_min = 1;             // min.insync.replicas, for acks=all
    bool cleanup_delete = true;
    bool cleanup_compact = false;
    double min_cleanable_dirty_ratio = 0.5;
    std::int64_t delete_retention_ms = 24LL * 3600 * 1000;
    std::int64_t min_compaction_lag_ms = 0;
    std::int64_t max_compaction_lag_ms = kNoLimit;

    bool operator==(const LogConfig&) const = default;
};

}  // namespace millrace::broker::log
