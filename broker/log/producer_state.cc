#include "broker/log/producer_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::broker::log {

using kafka::ErrorCode;

namespace {

constexpr std::int64_t kSequences = std::int64_t{1} << 31;

ProducerVerdict refuse(ErrorCode error, std::string message) {
    return {error, std::move(message), std::nullopt};
}

bool follows(std::int32_t last, std::int32_t next) {
    return last < 0 ? next == 0 : next == advance_sequence(last, 1);
}

ProducerVerdict check_marker(const ProducerEntry& entry, const TransactionMarker& marker) {
    if (entry.coordinator_epoch > marker.coordinator_epoch) {
        return refuse(ErrorCode::transaction_coordinator_fenced,
                      fmt::format("marker of coordinator epoch {}, last was {}",
                                  marker.coordinator_epoch, entry.coordinator_epoch));
    }
    return {};
}

ProducerVerdict check_sequence(const ProducerEntry& entry, const BatchHeader& batch) {
    const auto repeated = std::ranges::find_if(entry.batches, [&](const ProducerBatch& known) {
        return known.last_sequence == batch.last_sequence() &&
               known.first_sequence() == batch.base_sequence;
    });
    const bool same_epoch = batch.producer_epoch == entry.epoch;
    if (same_epoch && repeated != entry.batches.end()) {
        return {ErrorCode::none, {}, *repeated};
    }
    const std::int32_t last = same_epoch ? entry.last_sequence() : -1;
    if (entry.epoch >= 0 && !follows(last, batch.base_sequence)) {
        return refuse(
            ErrorCode::out_of_order_sequence_number,
            fmt::format("producer {} epoch {}: sequence {} does not follow {}", batch.producer_id,
                        batch.producer_epoch, batch.base_sequence, last));
    }
    if (entry.transaction_first_offset && same_epoch && !batch.transactional()) {
        return refuse(
            ErrorCode::invalid_txn_state,
            fmt::format("producer {} wrote outside of its open transaction", batch.producer_id));
    }
    return {};
}

}  // namespace

std::int32_t ProducerBatch::first_sequence() const {
    if (last_sequence < 0) {
        return -1;
    }
    return static_cast<std::int32_t>((std::int64_t{last_sequence} - offset_delta + kSequences) %
                                     kSequences);
}

ProducerVerdict ProducerState::check(const BatchHeader& batch,
                                     const std::optional<TransactionMarker>& marker) const {
    if (!batch.has_producer()) {
        return {};
    }
    const auto found = x_producers.find(batch.producer_id);
    if (found == x_producers.end()) {
        // Its records may have been deleted, so any sequence is taken (KAFKA-5793 and KIP-360).
        return {};
    }
    const ProducerEntry& entry = found->second;
    if (batch.producer_epoch < entry.epoch) {
        return refuse(ErrorCode::invalid_producer_epoch,
                      fmt::format("producer {}: epoch {} is below the last one, {}",
                                  batch.producer_id, batch.producer_epoch, entry.epoch));
    }
    if (batch.control()) {
        return marker ? check_marker(entry, *marker) : ProducerVerdict{};
    }
    return check_sequence(entry, batch);
}

std::optional<EndedTransaction> ProducerState::apply(
    const BatchHeader& batch, const std::optional<TransactionMarker>& marker) {
    if (!batch.has_producer()) {
        return std::nullopt;
    }
    ProducerEntry& entry = x_producers[batch.producer_id];
    entry.producer_id = batch.producer_id;
    if (entry.epoch != batch.producer_epoch) {
        entry.epoch = batch.producer_epoch;
        entry.batches.clear();
    }
    entry.last_timestamp = batch.max_timestamp;
    if (!batch.control()) {
        // A log that was damaged may repeat offsets; the later word counts.
        while (!entry.batches.empty() && entry.batches.back().last_offset >= batch.last_offset()) {
            entry.batches.pop_back();
        }
        entry.batches.push_back({batch.last_sequence(), batch.last_offset(),
                                 batch.last_offset_delta, batch.max_timestamp});
        if (entry.batches.size() > ProducerEntry::kBatchesMax) {
            entry.batches.pop_front();
        }
        if (batch.transactional() && !entry.transaction_first_offset) {
            entry.transaction_first_offset = batch.base_offset;
            x_ongoing[batch.base_offset] = batch.producer_id;
        }
        return std::nullopt;
    }
    if (!marker) {
        return std::nullopt;
    }
    entry.coordinator_epoch = marker->coordinator_epoch;
    if (!entry.transaction_first_offset) {
        return std::nullopt;
    }
    const EndedTransaction ended{batch.producer_id, *entry.transaction_first_offset,
                                 batch.last_offset(), !marker->commit};
    entry.transaction_first_offset.reset();
    x_ongoing.erase(ended.first_offset);
    x_unreplicated[ended.first_offset] = ended;
    return ended;
}

std::optional<std::int64_t> ProducerState::first_unstable_offset() const {
    std::optional<std::int64_t> first;
    if (!x_ongoing.empty()) {
        first = x_ongoing.begin()->first;
    }
    if (!x_unreplicated.empty()) {
        first =
            std::min(first.value_or(x_unreplicated.begin()->first), x_unreplicated.begin()->first);
    }
    return first;
}

std::int64_t ProducerState::stable_offset_after(const EndedTransaction& ended) const {
    std::int64_t stable = ended.last_offset + 1;
    for (const auto& [first_offset, producer_id] : x_ongoing) {
        if (producer_id != ended.producer_id) {
            stable = std::min(stable, first_offset);
            break;
        }
    }
    return stable;
}

void ProducerState::on_high_watermark(std::int64_t high_watermark) {
    std::erase_if(x_unreplicated,
                  [&](const auto& item) { return item.second.last_offset < high_watermark; });
}

void ProducerState::expire(std::int64_t now_millis, std::int64_t expiration_millis) {
    std::erase_if(x_producers, [&](const auto& item) {
        const ProducerEntry& entry = item.second;
        return !entry.transaction_first_offset &&
               entry.last_timestamp <= now_millis - expiration_millis;  // clients set the former
    });
}

void ProducerState::clear() {
    x_producers.clear();
    x_ongoing.clear();
    x_unreplicated.clear();
}

ProducerState ProducerState::only(std::int64_t producer_id) const {
    ProducerState copy;
    if (const auto found = x_producers.find(producer_id); found != x_producers.end()) {
        copy.restore(found->second);
    }
    return copy;
}

std::int64_t ProducerState::last_offset() const {
    std::int64_t last = -1;
    for (const auto& [producer_id, entry] : x_producers) {
        if (!entry.batches.empty()) {
            last = std::max(last, entry.batches.back().last_offset);
        }
        last = std::max(last, entry.transaction_first_offset.value_or(-1));
    }
    return last;
}

void ProducerState::restore(ProducerEntry entry) {
    if (entry.transaction_first_offset) {
        x_ongoing[*entry.transaction_first_offset] = entry.producer_id;
    }
    const std::int64_t producer_id = entry.producer_id;
    x_producers[producer_id] = std::move(entry);
}

void ProducerState::invariants() const {
    std::size_t open = 0;
    for (const auto& [producer_id, entry] : x_producers) {
        CHECK(entry.producer_id == producer_id);
        CHECK(entry.batches.size() <= ProducerEntry::kBatchesMax);
        for (std::size_t i = 1; i < entry.batches.size(); ++i) {
            CHECK(entry.batches[i - 1].last_offset < entry.batches[i].last_offset);
        }
        if (entry.transaction_first_offset) {
            ++open;
            const auto found = x_ongoing.find(*entry.transaction_first_offset);
            CHECK(found != x_ongoing.end() && found->second == producer_id);
        }
    }
    CHECK(open == x_ongoing.size());
}

}  // namespace millrace::broker::log
