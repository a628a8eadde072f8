// What the parts of a partition log share: partition_log.cc, append.cc, read.cc, flush.cc, truncate.cc and recovery.cc each do
// one side of it. Included by those files only.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/log/leader_epochs.h"
#include "broker/log/open_files.h"
#include "broker/log/partition_log.h"
#include "broker/log/producer_state.h"
#include "broker/log/segment.h"

namespace millrace::broker::log {

using FlushCallback = std::move_only_function<void(const Status&)>;

// Where batches start that were read or appended lately, so that a consumer that reads on needs no search.
class RecentPositions {
 public:
    struct Place {
        std::int64_t offset = -1;  // of the batch that starts there
        std::int64_t segment_base = -1;
        std::uint64_t position = 0;
    };

    void note(const Place& place);
    std::optional<std::uint64_t> find(std::int64_t segment_base, std::int64_t offset) const;
    void clear() { x_places = {}; }

 private:
    std::array<Place, 16> x_places{};
    std::size_t x_next = 0;
};

// Calls that wait for the disk, and the sync that runs.
struct FlushState {
    struct Waiter {
        std::int64_t end_offset = 0;
        std::uint64_t generation = 0;
        FlushCallback then;
    };
    std::vector<Waiter>
        waiting;  // for durability; bounded by the requests in flight of the connections
    std::vector<FlushCallback> waiting_write;  // for the page cache
    bool sync_running = false;
    bool turn_scheduled = false;   // the end of this turn writes and syncs
    bool sync_wanted = false;      // a roll or the policy asks for a sync that nobody waits for
    std::uint64_t generation = 0;  // goes up when the log is cut
    bool folder_dirty = false;     // files were made or renamed since the last sync
    bool parent_dirty = false;     // the folder itself is new
};

// Segments by base offset; never empty once a log is open, the last is the active one.
using SegmentMap = std::map<std::int64_t, std::shared_ptr<Segment>>;

struct LogState {
    LogState(LogContext log_context, TopicPartition id, std::string folder, LogConfig log_config);

    LogContext context;
    TopicPartition partition;
    std::string directory;
    LogConfig config;
    std::optional<kafka::Uuid> topic_id;

    SegmentMap segments;
    std::int64_t log_start = 0;
    std::int64_t log_end = 0;
    std::int64_t recovery_point = 0;
    std::int64_t high_watermark = 0;
    std::uint64_t segment_jitter_seed = 0;
    Instant unsynced_since{};  // when the first append after the recovery point came

    ProducerState producers;
    LeaderEpochs epochs;
    RecentPositions positions;
    FlushState flushing;
    std::optional<Error> failure;
    std::weak_ptr<LogState> self;            // for what runs later
    std::map<std::int64_t, bool> snapshots;  // offsets of .snapshot files; true when on the disk

    Segment& active() { return *segments.rbegin()->second; }
    const Segment& active() const { return *segments.rbegin()->second; }
    // The segment that holds or would hold an offset; the first one below the first base.
    SegmentMap::iterator floor_segment(std::int64_t offset);
    // Where a segment ends: the base of the next one, or the log end.
    std::int64_t end_of_segment(SegmentMap::const_iterator segment) const;
    std::string path_of(std::string_view name) const;
    std::int64_t now_millis() const { return context.loop.wall_now().millis; }
};

// Notes a failure once, tells the owner, and ends every waiting call. Returns the error.
std::unexpected<Error> fail_log(LogState& state, const Error& error);

// append.cc: the one way records enter. flush.cc, truncate.cc and recovery.cc: as their names say.
AppendResult append_records(LogState& state, const LeaderAppend& append);
AppendResult append_replicated(LogState& state, BytesView records);
Status roll_segment(LogState& state);

void request_flush(LogState& state, FlushCallback then);
void request_write(LogState& state, FlushCallback then);
// Asks for a sync without anybody waiting.
void want_sync(LogState& state);
// Ends every waiting call whose records are at or above an offset.
void drop_waiters(LogState& state, std::int64_t end_offset, const Error& why);
Status sync_all(LogState& state);

Status truncate_log(LogState& state, std::int64_t end_offset);
Status restart_log_at(LogState& state, std::int64_t offset);
// Takes segments out of the log: renamed at once, removed after file.delete.delay.ms.
Status drop_segments(LogState& state, SegmentMap::iterator first, SegmentMap::iterator last);
Result<bool> retain(LogState& state);

Status load_log(LogState& state, const LoadHints& hints);
// Sets the producer state to that at an offset: the newest snapshot at or below, and the batches behind it.
Status rebuild_producers(LogState& state, std::int64_t end_offset);
// Writes the epochs on the lane of the log; what the records say can be found again, so nobody waits.
void save_epochs(LogState& state);
Status save_epochs_now(LogState& state);
Status save_snapshot_now(LogState& state, std::int64_t offset);
Status remove_snapshots(LogState& state, const std::function<bool(std::int64_t)>& drop);

// Reads the marker of a control batch that the cursor yielded last; nothing for other batches.
Result<std::optional<TransactionMarker>> marker_of(BatchCursor& cursor, const BatchHeader& header);

}  // namespace millrace::broker::log
