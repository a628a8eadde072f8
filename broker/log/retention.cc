#include "broker/log/retention.h"

#include <algorithm>

namespace millrace::broker::log {

namespace {

// Why the first segment of what is left may go; empty when it may not.
std::string_view reason_to_drop(const SegmentFacts& segment, const LogConfig& config,
                                const RetentionBounds& bounds, std::uint64_t bytes_left) {
    if (segment.end_offset <= bounds.log_start) {
        return "they lie below the log start offset";
    }
    if (!config.cleanup_delete) {
        return {};
    }
    const std::int64_t time =
        segment.largest_timestamp >= 0 ? segment.largest_timestamp : segment.modified_millis;
    if (config.retention_ms >= 0 && bounds.now_millis - time > config.retention_ms) {
        return "retention.ms has passed";
    }
    const auto bytes_max =
        static_cast<std::uint64_t>(std::max<std::int64_t>(config.retention_bytes, 0));
    if (config.retention_bytes >= 0 && bytes_left >= bytes_max + segment.size) {
        return "the log is above retention.bytes";
    }
    return {};
}

}  // namespace

RetentionPlan plan_retention(std::span<const SegmentFacts> segments, const LogConfig& config,
                             const RetentionBounds& bounds) {
    std::uint64_t bytes_left = 0;
    for (const SegmentFacts& segment : segments) {
        bytes_left += segment.size;
    }
    RetentionPlan plan;
    for (const SegmentFacts& segment : segments) {
        const bool is_empty_end = &segment == &segments.back() && segment.size == 0;
        if (is_empty_end || segment.end_offset > bounds.high_watermark ||
            plan.drop == kRetentionLooksAhead) {
            break;
        }
        const std::string_view reason = reason_to_drop(segment, config, bounds, bytes_left);
        if (reason.empty()) {
            break;
        }
        plan.reason = reason;
        ++plan.drop;
        bytes_left -= segment.size;
    }
    return plan;
}

}  // namespace millrace::broker::log
