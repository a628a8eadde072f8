// What a log knows about the producers that write to it: the last batches of each for the idempotence checks (KIP-98), open
// transactions, and aborted ones. Pure: it takes batch headers and answers; nothing here touches a file.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/log/append.h"
#include "broker/log/batch_header.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/kafka/error_code.h"

namespace millrace::broker::log {

struct ProducerBatch {
    std::int32_t last_sequence = -1;
    std::int64_t last_offset = -1;
    std::int32_t offset_delta = 0;  // last offset minus first offset
    std::int64_t timestamp = -1;

    std::int64_t first_offset() const { return last_offset - offset_delta; }
    std::int32_t first_sequence() const;
    bool operator==(const ProducerBatch&) const = default;
};

struct ProducerEntry {
    static constexpr std::size_t kBatchesMax = 5;  // as many as a producer may have in flight

    std::int64_t producer_id = -1;
    std::int16_t epoch = -1;
    std::deque<ProducerBatch> batches;  // oldest first, at most kBatchesMax
    std::int32_t coordinator_epoch = -1;
    std::int64_t last_timestamp = -1;
    std::optional<std::int64_t> transaction_first_offset;

    std::int32_t last_sequence() const {
        return batches.empty() ? -1 : batches.back().last_sequence;
    }
    bool operator==(const ProducerEntry&) const = default;
};

// A transaction that a marker ended.
struct EndedTransaction {
    std::int64_t producer_id = -1;
    std::int64_t first_offset = -1;
    std::int64_t last_offset = -1;  // of the marker
    bool aborted = false;
};

// The answer for one batch before it is appended.
struct ProducerVerdict {
    kafka::ErrorCode error = kafka::ErrorCode::none;
    std::string message;
    std::optional<ProducerBatch> duplicate;  // the batch is in the log already, here
};

class ProducerState {
 public:
    // Whether a batch may follow what is known; `marker` is that of a control batch. Nothing changes. Batches of one
    // append are checked one after the other, each after apply of the one before on a copy made with stage().
    ProducerVerdict check(const BatchHeader& batch,
                          const std::optional<TransactionMarker>& marker) const;
    // Notes a batch that is in the log, whatever check would say of it. Answers the transaction it ended, if any.
    std::optional<EndedTransaction> apply(const BatchHeader& batch,
                                          const std::optional<TransactionMarker>& marker);

    // The first offset of an open transaction, or of an ended one whose marker is not below the high watermark.
    std::optional<std::int64_t> first_unstable_offset() const;
    // The last stable offset as it is once `ended` counts as complete; goes into the transaction index.
    std::int64_t stable_offset_after(const EndedTransaction& ended) const;
    void on_high_watermark(std::int64_t high_watermark);

    // Forgets producers without an open transaction that were silent for so long.
    void expire(std::int64_t now_millis, std::int64_t expiration_millis);
    void clear();

    const std::map<std::int64_t, ProducerEntry>& producers() const { return x_producers; }
    // The highest offset that it knows of; -1 when it knows none.
    std::int64_t last_offset() const;
    // A copy with one producer alone, or without any when it is unknown; to try batches on.
    ProducerState only(std::int64_t producer_id) const;
    // Adds a producer as a snapshot holds it.
    void restore(ProducerEntry entry);

    void invariants() const;

 private:
    std::map<std::int64_t, ProducerEntry> x_producers;  // by producer id
    std::map<std::int64_t, std::int64_t> x_ongoing;     // first offset -> producer id
    std::map<std::int64_t, EndedTransaction>
        x_unreplicated;  // first offset -> ended, marker not below the high watermark
};

// The producer snapshot file (<offset>.snapshot): state of all batches below the offset in its name.
Bytes encode_producer_snapshot(const ProducerState& state);
// Errors: malformed (wrong checksum, version or length).
Result<ProducerState> decode_producer_snapshot(BytesView bytes);

}  // namespace millrace::broker::log
