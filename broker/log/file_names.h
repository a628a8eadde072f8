// The names of files and folders in a log directory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/log/log_config.h"
#include "lib/kafka/uuid.h"

namespace millrace::broker::log {

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kOffsetIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kTxnIndexSuffix = ".txnindex";
inline constexpr std::string_view kSnapshotSuffix = ".snapshot";
inline constexpr std::string_view kDeletedSuffix = ".deleted";
inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";

// Twenty digits and the suffix.
std::string segment_file_name(std::int64_t base_offset, std::string_view suffix);

struct SegmentFileName {
    std::int64_t base_offset = 0;
    std::string suffix;  // ".log", ".index", …
    std::string state;   // "", ".deleted", ".cleaned" or ".swap"
};
// Nothing for names that are no segment file or snapshot.
std::optional<SegmentFileName> parse_segment_file_name(std::string_view name);

// "topic-3"; nothing for other names.
std::optional<TopicPartition> parse_partition_folder(std::string_view name);
// "topic-3.<32 digits>-delete", the topic cut so that the whole fits 255 bytes.
std::string deleted_folder_name(const TopicPartition& partition, const kafka::Uuid& unique);
bool is_deleted_folder(std::string_view name);

}  // namespace millrace::broker::log
