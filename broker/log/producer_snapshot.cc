#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "broker/log/producer_state.h"
#include "lib/wire/crc32c.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::broker::log {

namespace {

constexpr std::int16_t kVersion = 1;
constexpr std::size_t kCrcPosition = 2;
constexpr std::size_t kCrcCoversFrom = 6;
constexpr std::size_t kEntryBytes = 46;

ProducerEntry read_entry(wire::Reader& in) {
    ProducerEntry entry;
    entry.producer_id = in.int64();
    entry.epoch = in.int16();
    ProducerBatch batch;
    batch.last_sequence = in.int32();
    batch.last_offset = in.int64();
    batch.offset_delta = in.int32();
    entry.last_timestamp = in.int64();
    batch.timestamp = entry.last_timestamp;
    entry.coordinator_epoch = in.int32();
    const std::int64_t transaction = in.int64();
    if (transaction >= 0) {
        entry.transaction_first_offset = transaction;
    }
    if (batch.last_offset >= 0) {
        entry.batches.push_back(batch);
    }
    return entry;
}

// The offsets of a batch do not go below 0.
bool has_wrong_batch(const ProducerEntry& entry) {
    return std::ranges::any_of(entry.batches, [](const ProducerBatch& batch) {
        return batch.offset_delta < 0 || batch.offset_delta > batch.last_offset;
    });
}

}  // namespace

Bytes encode_producer_snapshot(const ProducerState& state) {
    wire::Writer out;
    out.int16(kVersion);
    out.uint32(0);
    out.int32(static_cast<std::int32_t>(state.producers().size()));
    for (const auto& [producer_id, entry] : state.producers()) {
        const ProducerBatch last = entry.batches.empty() ? ProducerBatch{} : entry.batches.back();
        out.int64(producer_id);
        out.int16(entry.epoch);
        out.int32(last.last_sequence);
        out.int64(last.last_offset);
        out.int32(last.offset_delta);
        out.int64(entry.last_timestamp);
        out.int32(entry.coordinator_epoch);
        out.int64(entry.transaction_first_offset.value_or(-1));
    }
    const std::uint32_t crc = wire::crc32c(out.view().subspan(kCrcCoversFrom));
    out.patch_int32(kCrcPosition, static_cast<std::int32_t>(crc));
    return out.take();
}

Result<ProducerState> decode_producer_snapshot(BytesView bytes) {
    wire::Reader in(bytes);
    const std::int16_t version = in.int16();
    const std::uint32_t crc = in.uint32();
    const std::size_t count = in.checked_count(in.int32(), kEntryBytes);
    if (!in.ok() || version != kVersion) {
        return fail(Errc::malformed, fmt::format("producer snapshot of version {}", version));
    }
    if (wire::crc32c(bytes.subspan(kCrcCoversFrom)) != crc) {
        return fail(Errc::malformed, "producer snapshot with a wrong checksum");
    }
    ProducerState state;
    std::set<std::int64_t> transactions;
    for (std::size_t i = 0; i < count; ++i) {
        ProducerEntry entry = read_entry(in);
        const bool repeats = state.producers().contains(entry.producer_id) ||
                             (entry.transaction_first_offset &&
                              !transactions.insert(*entry.transaction_first_offset).second);
        if (repeats || has_wrong_batch(entry)) {
            return fail(Errc::malformed,
                        fmt::format("producer snapshot with an entry of producer {} that cannot be",
                                    entry.producer_id));
        }
        state.restore(std::move(entry));
    }
    if (!in.ok() || !in.at_end()) {
        return fail(Errc::malformed, "producer snapshot with a wrong length");
    }
    return state;
}

}  // namespace millrace::broker::log
