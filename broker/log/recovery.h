// Bringing a folder into order before its log is used: what an interrupted cleaning or deletion left, torn ends, indexes.
#pragma once

#include "broker/log/log_state.h"

namespace millrace::broker::log {

// What lies in the folder of a partition, by what is to be done with it.
struct FolderContent {
    std::map<std::int64_t, SegmentFiles> segments;
    std::map<std::int64_t, bool> snapshots;  // offset -> durable
    bool has_epochs = false;
    bool has_metadata = false;
};

// Removes .deleted and .cleaned files, finishes or undoes swaps, removes indexes without a segment.
Result<FolderContent> tidy_folder(LogState& state);

// Scans every segment from the one that holds the recovery point: checksums, offsets; cuts at the first bad batch, drops what
// lies behind it, and builds indexes, epochs and producer state again.
Status recover_segments(LogState& state, std::int64_t recovery_point);

}  // namespace millrace::broker::log
