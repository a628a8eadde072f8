#include "tests/sim/kafka_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace millrace::sim {

KafkaHistory::BatchId KafkaHistory::batch_sent(std::int32_t partition,
                                               const std::string& connection,
                                               std::vector<std::string> values) {
    const auto greatest = x_greatest.find(partition);
    x_batches.push_back({partition, connection, std::move(values),
                         greatest == x_greatest.end() ? -1 : greatest->second, -1});
    return x_batches.size() - 1;
}

void KafkaHistory::batch_acknowledged(BatchId batch, std::int64_t base_offset) {
    Batch& done = x_batches[batch];
    done.base_offset = base_offset;
    x_acknowledged += done.values.size();
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

void KafkaHistory::check_final(std::int32_t partition, const Log& log) {
    std::map<std::int64_t, std::string> by_offset;
    std::set<std::string> values;
    std::int64_t expected = 0;
    for (const auto& [offset, value] : log) {
        if (offset != expected) {
            x_report(fmt::format("partition {} has offset {} where {} is due", partition, offset,
                                 expected));
        }
        expected = offset + 1;
        by_offset.emplace(offset, value);
        if (!values.insert(value).second) {
            x_report(fmt::format("record {} is in partition {} twice", value, partition));
        }
    }
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
    for (const auto& [at, value] : x_consumed) {
        const auto found = by_offset.find(at.second);
        if (at.first == partition && (found == by_offset.end() || found->second != value)) {
            x_report(fmt::format("record {} was read at offset {} of partition {} and is gone",
                                 value, at.second, partition));
        }
    }
    check_order(partition);
}

void KafkaHistory::check_order(std::int32_t partition) {
    std::map<std::string, const Batch*> last;
    for (const Batch& batch : x_batches) {
        if (batch.partition != partition || batch.base_offset < 0) {
            continue;
        }
        const Batch*& before = last[batch.connection];
        if (before != nullptr && batch.base_offset <= before->base_offset) {
            x_report(fmt::format("record {} was sent behind {} and has offset {} before {}",
                                 batch.values.front(), before->values.front(), batch.base_offset,
                                 before->base_offset));
        }
        before = &batch;
    }
}

}  // namespace millrace::sim
