// Loads a snapshot into a tree: ours, and Java's of every version since 3.4, fuzzy ones included.
#pragma once

#include <cstdint>
#include <optional>

#include "coordinator/storage/file_names.h"
#include "coordinator/tree/node_tree.h"
#include "lib/runtime/file_system.h"

namespace millrace::coordinator::storage {

// The digest a snapshot carries: of the tree at that zxid, which in a fuzzy one lies behind the snapshot's own.
struct SnapshotDigest {
    std::int64_t zxid = 0;
    std::uint64_t value = 0;
};

struct LoadedSnapshot {
    std::int64_t zxid = 0;  // of the file's name, where replay begins
    std::optional<SnapshotDigest> digest;
};

// Replaces what the tree holds. After an error the tree is unusable until the next load.
// Errors: malformed (incomplete, checksum, format), io_error, not_found.
Result<LoadedSnapshot> load_snapshot(runtime::FileSystem& files, const SnapshotFile& snapshot,
                                     tree::NodeTree& tree);

// Whether the file ends as a complete snapshot does; a cheap test that reads five bytes. Compressed files pass unread.
Result<bool> looks_complete(runtime::FileSystem& files, const SnapshotFile& snapshot);

}  // namespace millrace::coordinator::storage
