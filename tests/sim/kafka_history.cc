#include "tests/sim/kafka_history.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::sim {

KafkaHistory::BatchId KafkaHistory::batch_sent(std::int32_t partition, const Chain& chain,
                                               std::vector<std::string> values) {
    const auto greatest = x_greatest.find(partition);
    x_batches.push_back({partition, chain.name, chain.has_sequences, std::move(values),
                         greatest == x_greatest.end() ? -1 : greatest->second, -1});
    return x_batches.size() - 1;
}

void KafkaHistory::batch_acknowledged(BatchId batch, std::int64_t base_offset) {
    Batch& done = x_batches[batch];
    done.base_offset = base_offset;
    x_acknowledged += done.values.size();
    // A batch with sequences may have been there long before this answer.
    if (base_offset <= done.floor) {
        x_report(fmt::format("record {} got offset {}, but {} had been acknowledged before",
                             done.values.front(), base_offset, done.floor));
    }
    const std::int64_t last = base_offset + static_cast<std::int64_t>(done.values.size()) - 1;
    auto& greatest = x_greatest.try_emplace(done.partition, -1).first->second;
    greatest = std::max(greatest, last);
}

void KafkaHistory::consumed(std::int32_t partition, std::int64_t offset, const std::string& value) {
    const auto [known, is_first] = x_consumed.emplace(std::pair{partition, offset}, value);
    if (!is_first && known->second != value) {
        x_report(fmt::format("offset {} of partition {} was read as {} and then as {}", offset,
                             partition, known->second, value));
    }
}

std::int64_t KafkaHistory::high_watermark_floor(std::int32_t partition) const {
    const auto told = x_high_watermarks.find(partition);
    return told == x_high_watermarks.end() ? 0 : told->second;
}

void KafkaHistory::high_watermark_told(std::int32_t partition, std::int64_t floor,
                                       std::int64_t told) {
    if (told < floor) {
        x_report(fmt::format("the high watermark of partition {} went back from {} to {}",
                             partition, floor, told));
    }
    std::int64_t& greatest = x_high_watermarks[partition];
    greatest = std::max(greatest, told);
}

void KafkaHistory::check_final(std::int32_t partition, const Log& log) {
    ByOffset by_offset;
    ByValue by_value;
    std::int64_t expected = 0;
    for (const auto& [offset, value] : log) {
        if (offset != expected) {
            x_report(fmt::format("partition {} has offset {} where {} is due", partition, offset,
                                 expected));
        }
        expected = offset + 1;
        by_offset.emplace(offset, value);
        if (!by_value.emplace(value, offset).second) {
            x_report(fmt::format("record {} is in partition {} twice", value, partition));
        }
    }
    check_acknowledged(partition, by_offset);
    check_consumed(partition, by_offset);
    check_order(partition, by_value);
    if (expected < high_watermark_floor(partition)) {
        x_report(fmt::format("partition {} ends at {}, and its high watermark had been {}",
                             partition, expected, high_watermark_floor(partition)));
    }
}

void KafkaHistory::check_acknowledged(std::int32_t partition, const ByOffset& by_offset) {
    for (const Batch& batch : x_batches) {
        if (batch.partition != partition || batch.base_offset < 0) {
            continue;
        }
        std::int64_t offset = batch.base_offset;
        for (const std::string& value : batch.values) {
            const auto found = by_offset.find(offset);
            if (found == by_offset.end() || found->second != value) {
                x_report(
                    fmt::format("lost: record {} was acknowledged at offset {} of partition "
                                "{}, where {} is now",
                                value, offset, partition,
                                found == by_offset.end() ? "nothing" : found->second));
            }
            ++offset;
        }
    }
}

void KafkaHistory::check_consumed(std::int32_t partition, const ByOffset& by_offset) {
    for (const auto& [at, value] : x_consumed) {
        const auto found = by_offset.find(at.second);
        if (at.first == partition && (found == by_offset.end() || found->second != value)) {
            x_report(fmt::format("record {} was read at offset {} of partition {} and is gone",
                                 value, at.second, partition));
        }
    }
}

void KafkaHistory::check_order(std::int32_t partition, const ByValue& by_value) {
    struct Last {
        std::string value;
        std::int64_t offset = -1;
        std::string missing;  // the first record of the chain that is not there
    };
    std::map<std::string, Last> chains;
    for (const Batch& batch : x_batches) {
        if (batch.partition != partition || (batch.base_offset < 0 && !batch.has_sequence)) {
            continue;
        }
        Last& last = chains[batch.chain];
        for (const std::string& value : batch.values) {
            const auto found = by_value.find(value);
            if (found == by_value.end()) {
                last.missing = last.missing.empty() ? value : last.missing;
                continue;
            }
            if (found->second <= last.offset) {
                x_report(fmt::format("record {} was sent behind {} and has offset {} before {}",
                                     value, last.value, found->second, last.offset));
            }
            if (batch.has_sequence && !last.missing.empty()) {
                x_report(fmt::format("record {} is there and {}, sent before it, is not", value,
                                     last.missing));
            }
            last.value = value;
            last.offset = found->second;
        }
    }
}

}  // namespace millrace::sim
