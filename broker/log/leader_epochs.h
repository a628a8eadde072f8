// Where each leader epoch of a log begins (KIP-101). Pure; its file is leader-epoch-checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::broker::log {

struct EpochStart {
    std::int32_t epoch = -1;
    std::int64_t start_offset = -1;
    auto operator<=>(const EpochStart&) const = default;
};

struct EpochEnd {
    std::int32_t epoch = -1;  // -1: the epoch asked for is unknown
    std::int64_t end_offset = -1;
    auto operator<=>(const EpochEnd&) const = default;
};

class LeaderEpochs {
 public:
    // Notes that an epoch starts at an offset; entries it contradicts go away. False when nothing changed.
    bool assign(std::int32_t epoch, std::int64_t start_offset);
    // Both answer false when nothing changed. The first drops starts at or above; the second keeps the epoch of the offset.
    bool truncate_end(std::int64_t end_offset);
    bool truncate_start(std::int64_t start_offset);
    void clear() { x_entries.clear(); }

    std::int32_t latest() const { return x_entries.empty() ? -1 : x_entries.back().epoch; }
    std::int32_t epoch_at(std::int64_t offset) const;
    // The largest epoch at or below the one asked for and its end, as OffsetForLeaderEpoch answers.
    EpochEnd end_of(std::int32_t epoch, std::int64_t log_end_offset) const;

    const std::vector<EpochStart>& entries() const { return x_entries; }
    void invariants() const;

 private:
    std::vector<EpochStart> x_entries;  // epochs and offsets strictly ascending
};

// leader-epoch-checkpoint: version 0, count, "epoch offset" a line.
std::string encode_leader_epochs(const LeaderEpochs& epochs);
// Errors: malformed.
Result<LeaderEpochs> decode_leader_epochs(std::string_view text);

}  // namespace millrace::broker::log
