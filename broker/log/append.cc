#include "broker/log/append.h"

#include <fmt/format.h>

#include "broker/log/file_names.h"
#include "broker/log/log_state.h"
#include "lib/base/check.h"
#include "lib/kafka/record.h"
#include "lib/wire/crc32c.h"

namespace millrace::broker::log {

using kafka::ErrorCode;

namespace {

constexpr std::int64_t kRelativeOffsetMax = std::numeric_limits<std::int32_t>::max();
// Of one batch. A batch that inflates to a hundred times the default max.message.bytes is an attack on the memory.
constexpr std::size_t kInflatedBytesMax = 128 << 20;

// A batch of an append: as it came, and as it will be written.
struct Incoming {
    BatchHeader header;
    BytesView bytes;
    std::optional<TransactionMarker> marker;
    std::array<std::byte, kBatchHeaderBytes> patched;
};

AppendResult refuse(const LogState& state, ErrorCode error, std::string message) {
    AppendResult result;
    result.error = error;
    result.message = std::move(message);
    result.log_start_offset = state.log_start;
    return result;
}

template <class Integer>
void put(std::span<std::byte> at, Integer value) {
    const auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
        at[i] = static_cast<std::byte>((bits >> (8 * (sizeof(Integer) - 1 - i))) & 0xff);
    }
}

// Splits an append into batches and checks what every batch must fulfil.
AppendResult split(const LogState& state, BytesView records, std::vector<Incoming>& batches) {
    while (!records.empty()) {
        const auto header = parse_batch_header(records);
        if (!header || header->size > records.size()) {
            return refuse(state, ErrorCode::corrupt_message, "a batch is cut short or damaged");
        }
        if (header->magic != 2) {
            return refuse(state, ErrorCode::unsupported_for_message_format,
                          "record batches must be of magic 2");
        }
        Incoming batch{*header, records.first(header->size), std::nullopt, {}};
        if (!batch_checksum_ok(batch.bytes)) {
            return refuse(state, ErrorCode::corrupt_message, "a batch has a wrong checksum");
        }
        if (header->control()) {
            batch.marker = parse_marker(batch.bytes);
        }
        std::copy_n(batch.bytes.begin(), kBatchHeaderBytes, batch.patched.begin());
        records = records.subspan(header->size);
        batches.push_back(batch);
    }
    if (batches.empty()) {
        return refuse(state, ErrorCode::corrupt_message, "an append without records");
    }
    return {};
}

// KIP-32, KIP-937: how far a record's time may be from the broker's.
AppendResult check_time(const LogState& state, const BatchHeader& header, std::int64_t now) {
    const LogConfig& config = state.config;
    if (config.timestamp_type == TimestampType::log_append_time) {
        return (header.attributes & kLogAppendTimeBit) == 0
                   ? AppendResult{}
                   : refuse(state, ErrorCode::invalid_timestamp,
                            "a producer must not mark its times as those of the append");
    }
    if (header.max_timestamp < 0) {
        return {};
    }
    const std::int64_t early =
        config.timestamp_before_max_ms == kNoLimit ? -1 : now - config.timestamp_before_max_ms;
    const bool late = config.timestamp_after_max_ms != kNoLimit &&
                      header.max_timestamp > now + config.timestamp_after_max_ms;
    if (header.base_timestamp < early || late) {
        return refuse(state, ErrorCode::invalid_timestamp,
                      fmt::format("timestamp {} is too far from the broker's time {}",
                                  late ? header.max_timestamp : header.base_timestamp, now));
    }
    return {};
}

// A record without a key could never be replaced in a compacted log.
AppendResult check_keys(const LogState& state, const Incoming& batch) {
    const auto invalid = [&](std::string message) {
        return refuse(state, ErrorCode::invalid_record, std::move(message));
    };
    const auto view = kafka::BatchView::parse(batch.bytes);
    if (!view) {
        return invalid(view.error().message);
    }
    auto reader = kafka::RecordReader::open(*view, kInflatedBytesMax);
    if (!reader) {
        return invalid(reader.error().message);
    }
    while (reader->next()) {
        if (!reader->record().key) {
            return invalid("Compacted topic cannot accept message without key");
        }
    }
    return reader->status() ? AppendResult{} : invalid(reader->status().error().message);
}

AppendResult check_batch(const LogState& state, const Incoming& batch, AppendOrigin origin,
                         std::int64_t now) {
    const BatchHeader& header = batch.header;
    if (header.size > static_cast<std::uint32_t>(state.config.max_message_bytes)) {
        return refuse(state, ErrorCode::message_too_large,
                      fmt::format("a batch of {} bytes is above max.message.bytes, {}", header.size,
                                  state.config.max_message_bytes));
    }
    if (header.record_count < 1 || header.last_offset_delta != header.record_count - 1) {
        return refuse(state, ErrorCode::invalid_record,
                      fmt::format("a batch counts {} records and ends at offset delta {}",
                                  header.record_count, header.last_offset_delta));
    }
    if (origin == AppendOrigin::coordinator) {
        return {};
    }
    if (header.control() || (header.attributes & kDeleteHorizonBit) != 0) {
        return refuse(state, ErrorCode::invalid_record, "clients must not write control batches");
    }
    if (header.base_offset != 0) {
        return refuse(state, ErrorCode::invalid_record,
                      fmt::format("a producer's batch with base offset {}", header.base_offset));
    }
    if (header.has_producer() && (header.base_sequence < 0 || header.producer_epoch < 0)) {
        return refuse(state, ErrorCode::invalid_record, "a producer id without epoch and sequence");
    }
    if (AppendResult result = check_time(state, header, now); !result.ok()) {
        return result;
    }
    return state.config.cleanup_compact ? check_keys(state, batch) : AppendResult{};
}

AppendResult repeated(const LogState& state, const ProducerBatch& known) {
    AppendResult result;
    result.duplicate = true;
    result.first_offset = known.first_offset();
    result.last_offset = known.last_offset;
    result.log_start_offset = state.log_start;
    if (state.config.timestamp_type == TimestampType::log_append_time) {
        result.log_append_time = known.timestamp;
    }
    return result;
}

// Checks the batches in their order against what is known of their producers. Sets duplicate when one is in the log already.
AppendResult check_producers(const LogState& state, std::span<const Incoming> batches) {
    std::map<std::int64_t, ProducerState> tried;
    for (const Incoming& batch : batches) {
        const BatchHeader& header = batch.header;
        if (!header.has_producer()) {
            continue;
        }
        const auto earlier = tried.find(header.producer_id);
        const ProducerState& known = earlier == tried.end() ? state.producers : earlier->second;
        ProducerVerdict verdict = known.check(header, batch.marker);
        if (verdict.error != ErrorCode::none) {
            return refuse(state, verdict.error, std::move(verdict.message));
        }
        if (verdict.duplicate) {
            return repeated(state, *verdict.duplicate);
        }
        if (batches.size() > 1) {
            auto& copy =
                tried.try_emplace(header.producer_id, state.producers.only(header.producer_id))
                    .first->second;
            copy.apply(header, batch.marker);
        }
    }
    return {};
}

void assign_offset(Incoming& batch, std::int64_t offset, std::int32_t leader_epoch) {
    batch.header.base_offset = offset;
    batch.header.leader_epoch = leader_epoch;
    put(std::span(batch.patched).subspan(0), offset);
    put(std::span(batch.patched).subspan(12), leader_epoch);
}

// Attributes and the greatest time lie inside the checksum.
void write_attributes(Incoming& batch) {
    const std::span<std::byte> bytes(batch.patched);
    put(bytes.subspan(21), batch.header.attributes);
    put(bytes.subspan(35), batch.header.max_timestamp);
    std::uint32_t crc = wire::crc32c(bytes.subspan(kCrcCoveredFrom));
    crc = wire::crc32c(batch.bytes.subspan(kBatchHeaderBytes), crc);
    batch.header.crc = crc;
    put(bytes.subspan(17), crc);
}

void assign_append_time(Incoming& batch, std::int64_t now) {
    batch.header.attributes |= kLogAppendTimeBit;
    batch.header.max_timestamp = now;
    write_attributes(batch);
}

// Where the topic keeps the producers' times, a batch that claims to carry the broker's is told apart by this bit alone.
void keep_create_time(Incoming& batch) {
    batch.header.attributes &= ~kLogAppendTimeBit;
    write_attributes(batch);
}

Result<bool> must_roll(LogState& state, std::span<const Incoming> batches, std::uint64_t bytes) {
    Segment& active = state.active();
    if (active.size() == 0) {
        return false;
    }
    const LogConfig& config = state.config;
    const auto index_bytes = static_cast<std::size_t>(config.segment_index_bytes);
    if (active.size() + bytes > static_cast<std::uint64_t>(config.segment_bytes) ||
        batches.back().header.last_offset() - active.base_offset() > kRelativeOffsetMax ||
        active.offset_index_entries() >= index_bytes / OffsetIndex::kEntryBytes ||
        active.time_index_entries() >= index_bytes / TimeIndex::kEntryBytes) {
        return true;
    }
    std::int64_t newest = -1;
    for (const Incoming& batch : batches) {
        newest = std::max(newest, batch.header.max_timestamp);
    }
    const std::int64_t first = TRY(active.first_timestamp());
    const std::int64_t jitter =
        config.segment_jitter_ms <= 0
            ? 0
            : static_cast<std::int64_t>(state.segment_jitter_seed %
                                        static_cast<std::uint64_t>(config.segment_jitter_ms));
    const std::int64_t waited = newest >= 0 && first >= 0 ? newest - first
                                : active.created_millis() >= 0
                                    ? state.now_millis() - active.created_millis()
                                    : 0;
    return waited > config.segment_ms - jitter;
}

// Behind all checks: to the segment, and into everything that the log keeps beside it.
Status store(LogState& state, std::span<Incoming> batches) {
    std::uint64_t bytes = 0;
    std::vector<BatchPieces> pieces;
    pieces.reserve(batches.size());
    for (const Incoming& batch : batches) {
        pieces.push_back({batch.header, batch.patched, batch.bytes.subspan(kBatchHeaderBytes)});
        bytes += batch.header.size;
    }
    if (TRY(must_roll(state, batches, bytes))) {
        TRY(roll_segment(state));
    }
    Segment& active = state.active();
    std::uint64_t position = active.size();
    TRY(active.append(pieces, state.config.index_interval_bytes, state.now_millis()));
    if (state.recovery_point >= state.log_end) {
        state.unsynced_since = state.context.loop.now();
    }
    bool new_epoch = false;
    for (const Incoming& batch : batches) {
        new_epoch |= state.epochs.assign(batch.header.leader_epoch, batch.header.base_offset);
        const auto ended = state.producers.apply(batch.header, batch.marker);
        if (ended && ended->aborted) {
            TRY(active.txn_index().append({ended->producer_id, ended->first_offset,
                                           ended->last_offset,
                                           state.producers.stable_offset_after(*ended)}));
        }
        position += batch.header.size;
    }
    state.log_end = batches.back().header.next_offset();
    state.positions.note({state.log_end, active.base_offset(), position});
    if (new_epoch) {
        save_epochs(state);
    }
    if (active.pending_bytes() > 0) {
        request_write(state, nullptr);
    }
    const std::int64_t unsynced = state.log_end - state.recovery_point;
    if (unsynced >= state.config.flush_messages) {
        want_sync(state);
    }
    return {};
}

AppendResult storage_failure(LogState& state, const Error& error) {
    (void)fail_log(state, error);
    return refuse(state, ErrorCode::kafka_storage_error, error.to_string());
}

AppendResult stored(const LogState& state, std::span<const Incoming> batches) {
    AppendResult result;
    result.first_offset = batches.front().header.base_offset;
    result.last_offset = batches.back().header.last_offset();
    result.log_start_offset = state.log_start;
    return result;
}

}  // namespace

AppendResult append_records(LogState& state, const LeaderAppend& append) {
    if (state.failure) {
        return refuse(state, ErrorCode::kafka_storage_error, state.failure->to_string());
    }
    if (append.records.size() > static_cast<std::uint64_t>(state.config.segment_bytes)) {
        return refuse(state, ErrorCode::record_list_too_large,
                      fmt::format("an append of {} bytes is above segment.bytes, {}",
                                  append.records.size(), state.config.segment_bytes));
    }
    std::vector<Incoming> batches;
    if (AppendResult result = split(state, append.records, batches); !result.ok()) {
        return result;
    }
    const std::int64_t now = state.now_millis();
    for (const Incoming& batch : batches) {
        if (AppendResult result = check_batch(state, batch, append.origin, now); !result.ok()) {
            return result;
        }
    }
    if (AppendResult result = check_producers(state, batches); !result.ok() || result.duplicate) {
        return result;
    }
    const bool append_time = state.config.timestamp_type == TimestampType::log_append_time;
    std::int64_t offset = state.log_end;
    for (Incoming& batch : batches) {
        assign_offset(batch, offset, append.leader_epoch);
        if (append_time) {
            assign_append_time(batch, now);
        } else if (append.origin == AppendOrigin::client &&
                   (batch.header.attributes & kLogAppendTimeBit) != 0) {
            keep_create_time(batch);
        }
        offset = batch.header.next_offset();
    }
    if (const Status done = store(state, batches); !done) {
        return storage_failure(state, done.error());
    }
    AppendResult result = stored(state, batches);
    result.log_append_time = append_time ? now : -1;
    return result;
}

AppendResult append_replicated(LogState& state, BytesView records) {
    if (state.failure) {
        return refuse(state, ErrorCode::kafka_storage_error, state.failure->to_string());
    }
    std::vector<Incoming> batches;
    if (AppendResult result = split(state, records, batches); !result.ok()) {
        return result;
    }
    std::erase_if(
        batches, [&](const Incoming& batch) { return batch.header.last_offset() < state.log_end; });
    if (batches.empty()) {
        AppendResult result;
        result.duplicate = true;
        result.log_start_offset = state.log_start;
        return result;
    }
    std::int64_t expected = state.log_end;
    for (const Incoming& batch : batches) {
        if (batch.header.base_offset < expected) {
            return refuse(state, ErrorCode::offset_out_of_range,
                          fmt::format("batch at offset {} where at least {} was expected",
                                      batch.header.base_offset, expected));
        }
        expected = batch.header.next_offset();
    }
    if (const Status done = store(state, batches); !done) {
        return storage_failure(state, done.error());
    }
    return stored(state, batches);
}

Status roll_segment(LogState& state) {
    Segment& active = state.active();
    if (active.size() == 0) {
        return {};
    }
    TRY(active.seal());
    auto segment = TRY(Segment::create(state.context.open_files, state.directory, state.log_end,
                                       state.now_millis()));
    state.segments[state.log_end] = std::move(segment);
    state.snapshots.emplace(state.log_end, false);
    state.flushing.folder_dirty = true;
    state.segment_jitter_seed = state.context.loop.random().next();
    // The snapshot of the producers goes out with the sync of the closed segment.
    TRY(save_snapshot_now(state, state.log_end));
    want_sync(state);
    return {};
}

}  // namespace millrace::broker::log
