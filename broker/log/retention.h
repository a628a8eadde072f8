// Which segments may go. Pure: facts in, a number of segments out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "broker/log/log_config.h"

namespace millrace::broker::log {

struct SegmentFacts {
    std::int64_t base_offset = 0;
    std::int64_t end_offset = 0;
    std::uint64_t size = 0;
    std::int64_t largest_timestamp = -1;  // -1: unknown, modified_millis counts
    std::int64_t modified_millis = 0;
};

struct RetentionBounds {
    std::int64_t log_start = 0;
    std::int64_t high_watermark = 0;
    std::int64_t now_millis = 0;
};

struct RetentionPlan {
    std::size_t drop =
        0;  // so many segments from the front; all of them: a new one is to be started first
    std::string_view reason;
};

// One run drops at most so many segments; the next run goes on. Bounds the indexes that a run opens.
inline constexpr std::size_t kRetentionLooksAhead = 64;

// Only whole segments below the high watermark go. A log that is only compacted loses none but those below its start.
RetentionPlan plan_retention(std::span<const SegmentFacts> segments, const LogConfig& config,
                             const RetentionBounds& bounds);

}  // namespace millrace::broker::log
