// Writes snapshots while the server goes on: a slice is encoded on the loop, written on the disk pool, then comes the next one.
// The file has the name "….tmp" until it is whole and synced; so unlike Java's, a snapshot that is there under its own name
// is complete.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "coordinator/storage/file_names.h"
#include "coordinator/storage/snapshot_encoder.h"
#include "coordinator/tree/node_tree.h"
#include "lib/runtime/runtime.h"

namespace millrace::coordinator::storage {

struct SnapshotWriterOptions {
    std::string directory;  // "…/version-2", which exists
    SnapshotSections sections;
    SnapshotCompression compression = SnapshotCompression::none;
    std::size_t slice_bytes = 256 << 10;  // encoded in one turn of the loop
};

class SnapshotWriter {
 public:
    // The zxid it holds. An error leaves no file under a snapshot's name; the server goes on and may try again later.
    using Written = std::move_only_function<void(const Result<std::int64_t>&)>;

    // The runtime outlives the writer.
    SnapshotWriter(const runtime::Runtime& runtime, SnapshotWriterOptions options);
    // Gives up a snapshot under way.
    ~SnapshotWriter();
    SnapshotWriter(const SnapshotWriter&) = delete;
    SnapshotWriter& operator=(const SnapshotWriter&) = delete;

    bool busy() const;
    // The tree as it stands now; it must outlive the writer. Not while busy.
    void start(tree::NodeTree& tree, Written then);

 private:
    struct State;
    std::shared_ptr<State> x_state;
};

// The same at once and on this thread, for the start and the end of a process. Errors: io_error, disk_full.
Status write_snapshot(runtime::FileSystem& files, const SnapshotWriterOptions& options,
                      tree::NodeTree& tree);

}  // namespace millrace::coordinator::storage
