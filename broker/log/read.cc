// Reading: which stretch of which file answers a fetch, and which record a timestamp means.
#include <fmt/format.h>

#include "broker/log/log_state.h"
#include "broker/log/partition_log.h"
#include "lib/base/check.h"
#include "lib/kafka/record.h"

namespace millrace::broker::log {

namespace {

// Of one batch. A batch that inflates to a hundred times the default max.message.bytes is an attack on the memory.
constexpr std::size_t kInflatedBytesMax = 128 << 20;

struct Start {
    SegmentMap::iterator segment;
    std::uint64_t position = 0;
    std::int64_t base_offset = 0;
};

// Where the batch with an offset starts; behind a gap that compaction left, the batch after it. Nothing at the log end.
Result<std::optional<Start>> find_start(LogState& state, std::int64_t offset) {
    for (auto at = state.floor_segment(offset); at != state.segments.end(); ++at) {
        Segment& segment = *at->second;
        if (const auto known = state.positions.find(at->first, offset)) {
            if (*known < segment.size()) {
                return Start{at, *known, offset};
            }
            continue;
        }
        TRY(segment.ensure_indexes(state.config.index_interval_bytes));
        if (const auto place = TRY(segment.find(std::max(offset, at->first)))) {
            return Start{at, place->position, place->header.base_offset};
        }
    }
    return std::nullopt;
}

// The position in a segment up to which a reader with this bound may go.
Result<std::uint64_t> position_of_bound(LogState& state, SegmentMap::iterator at,
                                        std::int64_t bound) {
    Segment& segment = *at->second;
    if (bound >= state.end_of_segment(at)) {
        return segment.size();
    }
    if (const auto known = state.positions.find(at->first, bound)) {
        return *known;
    }
    TRY(segment.ensure_indexes(state.config.index_interval_bytes));
    const auto place = TRY(segment.find(bound));
    if (!place) {
        return segment.size();
    }
    if (place->header.base_offset == bound) {
        state.positions.note({bound, at->first, place->position});
    }
    return place->position;
}

ReadResult nothing_at(std::int64_t offset) {
    ReadResult result;
    result.end_offset = offset;
    return result;
}

// The first record of a batch that a predicate holds for.
Result<std::optional<TimestampAndOffset>> find_record(
    BatchCursor& walk, const BatchHeader& header,
    const std::function<bool(std::int64_t timestamp, std::int64_t offset)>& wanted) {
    if (header.magic < 2) {
        return wanted(header.max_timestamp, header.base_offset)
                   ? std::optional(TimestampAndOffset{header.max_timestamp, header.base_offset, -1})
                   : std::nullopt;
    }
    const BytesView bytes = TRY(walk.batch());
    const auto batch = TRY(kafka::BatchView::parse(bytes));
    auto records = TRY(kafka::RecordReader::open(batch, kInflatedBytesMax));
    while (records.next()) {
        const kafka::Record& record = records.record();
        if (wanted(record.timestamp, record.offset)) {
            return TimestampAndOffset{record.timestamp, record.offset, header.leader_epoch};
        }
    }
    TRY(records.status());
    return std::nullopt;
}

Result<std::optional<TimestampAndOffset>> find_in_segment(LogState& state, Segment& segment,
                                                          std::int64_t timestamp) {
    const std::uint64_t start = TRY(segment.position_before_timestamp(timestamp));
    BatchCursor walk = TRY(segment.cursor(start));
    while (const auto header = TRY(walk.next())) {
        if (header->max_timestamp < timestamp || header->last_offset() < state.log_start) {
            continue;
        }
        const auto found =
            TRY(find_record(walk, *header, [&](std::int64_t time, std::int64_t offset) {
                return time >= timestamp && offset >= state.log_start;
            }));
        if (found) {
            return found;
        }
    }
    return std::nullopt;
}

}  // namespace

void RecentPositions::note(const Place& place) {
    x_places[x_next] = place;
    x_next = (x_next + 1) % x_places.size();
}

std::optional<std::uint64_t> RecentPositions::find(std::int64_t segment_base,
                                                   std::int64_t offset) const {
    for (const Place& place : x_places) {
        if (place.offset == offset && place.segment_base == segment_base) {
            return place.position;
        }
    }
    return std::nullopt;
}

Result<ReadResult> PartitionLog::read(const ReadRequest& request) {
    LogState& state = *x_state;
    if (request.offset < state.log_start || request.offset > state.log_end) {
        return fail(Errc::not_found, fmt::format("offset {} is outside of [{}, {}]", request.offset,
                                                 state.log_start, state.log_end));
    }
    const std::int64_t bound = std::min(request.upper_bound, state.log_end);
    if (request.offset >= bound) {
        return nothing_at(request.offset);
    }
    const auto start = TRY(find_start(state, request.offset));
    if (!start || start->base_offset >= bound) {
        return nothing_at(request.offset);
    }
    Segment& segment = *start->segment->second;
    TRY(segment.write_out());
    const std::uint64_t end = TRY(position_of_bound(state, start->segment, bound));
    ReadResult result;
    result.position = start->position;
    result.base_offset = start->base_offset;
    result.segment_base_offset = start->segment->first;
    result.end_offset = std::min(bound, state.end_of_segment(start->segment));
    std::uint64_t stop = end;
    if (end - start->position > request.max_bytes) {
        TRY(segment.ensure_indexes(state.config.index_interval_bytes));
        const BatchPlace place =
            TRY(segment.last_end_within(start->position, start->position + request.max_bytes));
        stop = place.position;
        result.end_offset = place.header.base_offset;
        if (stop == start->position) {
            if (!request.whole_batch_min) {
                return nothing_at(request.offset);
            }
            stop = start->position + place.header.size;
            result.end_offset = place.header.next_offset();
        }
    }
    if (stop <= start->position) {
        return nothing_at(request.offset);
    }
    result.size = static_cast<std::uint32_t>(stop - start->position);
    result.file = TRY(segment.file());
    state.positions.note({result.end_offset, result.segment_base_offset, stop});
    return result;
}

Result<std::vector<AbortedTransaction>> PartitionLog::aborted_transactions(
    std::int64_t first_offset, std::int64_t end_offset) {
    LogState& state = *x_state;
    std::vector<AbortedTransaction> found;
    for (auto at = state.floor_segment(first_offset); at != state.segments.end(); ++at) {
        for (const AbortedEntry& entry : TRY(at->second->txn_index().all())) {
            if (entry.last_offset >= first_offset && entry.first_offset < end_offset) {
                found.push_back({entry.producer_id, entry.first_offset});
            }
            if (entry.last_stable_offset >= end_offset) {
                return found;  // every transaction that reaches into the range ended before
            }
        }
    }
    return found;
}

Result<std::optional<TimestampAndOffset>> PartitionLog::offset_for_timestamp(
    std::int64_t timestamp, std::int64_t upper_bound) {
    LogState& state = *x_state;
    for (auto& [base_offset, segment] : state.segments) {
        TRY(segment->ensure_indexes(state.config.index_interval_bytes));
        if (TRY(segment->largest_timestamp()).timestamp < timestamp) {
            continue;
        }
        const auto found = TRY(find_in_segment(state, *segment, timestamp));
        if (found) {
            return found->offset < upper_bound ? found : std::nullopt;
        }
    }
    return std::nullopt;
}

Result<std::optional<TimestampAndOffset>> PartitionLog::offset_of_max_timestamp() {
    LogState& state = *x_state;
    Segment* newest = nullptr;
    TimestampOffset largest;
    for (auto& [base_offset, segment] : state.segments) {
        TRY(segment->ensure_indexes(state.config.index_interval_bytes));
        const TimestampOffset of_segment = TRY(segment->largest_timestamp());
        if (of_segment.timestamp > largest.timestamp) {
            largest = of_segment;
            newest = segment.get();
        }
    }
    if (newest == nullptr) {
        return std::nullopt;
    }
    const auto place = TRY(newest->find(largest.offset));
    if (!place) {
        return std::nullopt;
    }
    BatchCursor walk = TRY(newest->cursor(place->position));
    const auto header = TRY(walk.next());
    if (!header) {
        return std::nullopt;
    }
    return find_record(walk, *header,
                       [&](std::int64_t time, std::int64_t) { return time >= largest.timestamp; });
}

}  // namespace millrace::broker::log
