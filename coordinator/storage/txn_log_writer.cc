#include "coordinator/storage/txn_log_writer.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "coordinator/storage/file_names.h"
#include "coordinator/storage/txn_log_format.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::uint64_t kFillSize = 512 << 10;
constexpr std::uint64_t kBlockSize = 4096;
// The first fill of a file leaves this much to the batch that comes next, so that it need not wait.
constexpr std::uint64_t kFillDistance = 64 << 10;

// What goes to one file with one write.
struct Segment {
    std::string
        new_path;  // the file to start with these records; empty to go on with the present one
    wire::Writer records;
};

struct Batch {
    std::vector<Segment> segments;
    std::vector<TxnLogWriter::Flushed>
        waiting;  // stay on the loop when the segments go to the pool
    std::size_t bytes = 0;
    std::uint64_t txns = 0;
};

// The file being written. A batch at work owns it; the loop looks at it only between batches.
struct LogEnd {
    std::shared_ptr<runtime::File> file;
    std::uint64_t position = 0;  // where the next record goes
    bool started_file = false;   // by the last batch
    Status status;
};

Status write_segment(runtime::FileSystem& files, const Segment& segment, LogEnd& end) {
    if (segment.new_path.empty()) {
        TRY(end.file->write_at(end.position, segment.records.view()));
        end.position += segment.records.size();
        return {};
    }
    end.file = TRY(files.open(segment.new_path, runtime::OpenMode::create_new));
    const auto header = log_header();
    const std::array<BytesView, 2> pieces{header, segment.records.view()};
    TRY(end.file->write_pieces_at(0, pieces));
    end.position = header.size() + segment.records.size();
    end.started_file = true;
    return {};
}

Status write_segments(runtime::FileSystem& files, const TxnLogOptions& options,
                      const std::vector<Segment>& segments, LogEnd& end) {
    end.started_file = false;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        TRY(write_segment(files, segments[i], end));
        const bool last_of_file = i + 1 == segments.size() || !segments[i + 1].new_path.empty();
        if (last_of_file && options.force_sync) {
            TRY(end.file->sync_data());
        }
    }
    if (end.started_file && options.force_sync) {
        TRY(files.sync_directory(options.directory));
    }
    return {};
}

}  // namespace

struct TxnLogWriter::State : std::enable_shared_from_this<State> {
    State(const runtime::Runtime& runtime_in, TxnLogOptions options_in)
        : runtime(runtime_in),
          options(std::make_shared<const TxnLogOptions>(std::move(options_in))),
          append_lane(runtime.disk.new_lane()),
          fill_lane(runtime.disk.new_lane()) {}

    void append(const TxnEntry& entry);
    void flush(Flushed then);
    void schedule();
    void start_batch();
    void finish_batch(Instant started);
    void start_fill();
    void finish_fill(const Status& result, std::uint64_t to);
    void fail_with(const Status& why);
    void note_figures(const Batch& batch, Duration took);

    runtime::Runtime runtime;
    std::shared_ptr<const TxnLogOptions> options;
    runtime::DiskLane append_lane;
    runtime::DiskLane fill_lane;

    std::deque<Batch> batches;  // the last one collects
    Batch working;              // its segments are with the pool
    std::size_t waiting_bytes = 0;
    std::size_t flushes_waiting = 0;
    bool scheduled = false;  // start_batch runs at the end of this turn
    bool at_work = false;
    bool roll_next = true;
    std::uint64_t file_bytes = 0;  // of the newest file, as far as it was appended to
    Status status;
    Figures figures;
    std::shared_ptr<LogEnd> end = std::make_shared<LogEnd>();

    std::uint64_t filled_to = 0;                // in the present file
    std::optional<std::uint64_t> filling_from;  // while a fill of the present file is under way
    bool fill_at_work = false;
    bool fill_refused = false;  // the disk is too full for zeros
};

void TxnLogWriter::State::append(const TxnEntry& entry) {
    if (batches.empty() || batches.back().bytes >= kBatchBytes) {
        batches.emplace_back();
    }
    Batch& batch = batches.back();
    if (options->file_bytes_max > 0 && file_bytes >= options->file_bytes_max) {
        roll_next = true;
    }
    if (roll_next || batch.segments.empty()) {
        batch.segments.emplace_back();
    }
    Segment& segment = batch.segments.back();
    if (roll_next) {
        segment.new_path = runtime::join_path(options->directory, log_file_name(entry.header.zxid));
        file_bytes = kLogHeaderSize;
        roll_next = false;
    }
    const std::size_t before = segment.records.size();
    write_record(segment.records, entry);
    const std::size_t added = segment.records.size() - before;
    batch.bytes += added;
    ++batch.txns;
    waiting_bytes += added;
    file_bytes += added;
}

void TxnLogWriter::State::flush(Flushed then) {
    if (batches.empty()) {
        batches.emplace_back();
    }
    batches.back().waiting.push_back(std::move(then));
    ++flushes_waiting;
    schedule();
}

void TxnLogWriter::State::schedule() {
    if (at_work || scheduled || flushes_waiting == 0) {
        return;
    }
    scheduled = true;
    runtime.loop.at_turn_end([self = weak_from_this()] {
        if (const auto state = self.lock()) {
            state->scheduled = false;
            state->start_batch();
        }
    });
}

void TxnLogWriter::State::start_batch() {
    if (at_work || flushes_waiting == 0) {
        return;
    }
    if (!status) {
        fail_with(status);
        return;
    }
    const Batch& next = batches.front();
    const bool reaches_fill = filling_from && !next.segments.empty() &&
                              next.segments.front().new_path.empty() &&
                              end->position + next.segments.front().records.size() > *filling_from;
    if (reaches_fill) {
        return;  // finish_fill comes back here
    }
    at_work = true;
    working = std::move(batches.front());
    batches.pop_front();
    // Only what is captured here is touched by the pool; the writer may be gone before the work is done.
    runtime.disk.submit(
        append_lane,
        [&files = runtime.files, segments = std::exchange(working.segments, {}), how = options,
         at = end] { at->status = write_segments(files, *how, segments, *at); },
        [self = weak_from_this(), started = runtime.loop.now()] {
            if (const auto state = self.lock()) {
                state->finish_batch(started);
            }
        });
}

void TxnLogWriter::State::finish_batch(Instant started) {
    Batch batch = std::exchange(working, {});
    at_work = false;
    waiting_bytes -= batch.bytes;
    flushes_waiting -= batch.waiting.size();
    note_figures(batch, runtime.loop.now() - started);
    if (!end->status && status) {
        status = end->status;
        log_error("storage", "the transaction log cannot be written: {}",
                  status.error().to_string());
    }
    if (std::exchange(end->started_file, false)) {
        filled_to = 0;
        filling_from.reset();
        fill_refused = false;
    }
    // The next batch starts before anybody hears of this one, so that the disk does not wait for answers.
    const auto keep = shared_from_this();
    if (status) {
        start_fill();
        start_batch();
    }
    for (Flushed& then : batch.waiting) {
        then(status);
    }
    if (!status) {
        start_batch();
    }
}

void TxnLogWriter::State::note_figures(const Batch& batch, Duration took) {
    if (batch.txns == 0) {
        return;
    }
    ++figures.syncs;
    figures.txns += batch.txns;
    figures.bytes += batch.bytes;
    figures.sync_total += took;
    figures.sync_shortest = figures.syncs == 1 ? took : std::min(figures.sync_shortest, took);
    figures.sync_longest = std::max(figures.sync_longest, took);
    if (took > options->slow_sync) {
        ++figures.slow_syncs;
        log_warning("storage", "making {} transactions durable took {} ms", batch.txns,
                    to_millis(took));
    }
}

void TxnLogWriter::State::start_fill() {
    if (fill_at_work || fill_refused || !end->file || options->zeros_ahead == 0 ||
        filled_to >= end->position + options->zeros_ahead) {
        return;
    }
    const std::uint64_t earliest = end->position + kFillDistance;
    const std::uint64_t from =
        std::max(filled_to, (earliest + kBlockSize - 1) / kBlockSize * kBlockSize);
    const std::uint64_t to = from + kFillSize;
    fill_at_work = true;
    filling_from = from;
    const auto result = std::make_shared<Status>();
    runtime.disk.submit(
        fill_lane,
        [file = end->file, from, result] {
            static const Bytes zeros(kFillSize);
            *result = file->write_at(from, zeros);
            if (*result) {
                *result = file->sync_data();
            }
        },
        [self = weak_from_this(), file = end->file, result, to] {
            if (const auto state = self.lock()) {
                state->fill_at_work = false;
                // A batch may have started another file meanwhile. It is not at work on `end` when this is the present one.
                if (state->filling_from) {
                    state->finish_fill(*result, to);
                }
                if (!state->at_work && state->status) {
                    state->start_fill();
                }
            }
        });
}

void TxnLogWriter::State::finish_fill(const Status& result, std::uint64_t to) {
    filling_from.reset();
    if (result) {
        filled_to = to;
    } else if (result.error().code == Errc::disk_full) {
        fill_refused = true;
    } else if (status) {
        status = result;
        log_error("storage", "the transaction log cannot be filled ahead: {}",
                  status.error().to_string());
    }
    start_batch();
}

void TxnLogWriter::State::fail_with(const Status& why) {
    const auto keep = shared_from_this();
    std::vector<Flushed> waiting;
    for (Batch& batch : batches) {
        std::ranges::move(batch.waiting, std::back_inserter(waiting));
    }
    batches.clear();
    waiting_bytes = 0;
    flushes_waiting = 0;
    for (Flushed& then : waiting) {
        then(why);
    }
}

TxnLogWriter::TxnLogWriter(const runtime::Runtime& runtime, TxnLogOptions options)
    : x_state(std::make_shared<State>(runtime, std::move(options))) {}
TxnLogWriter::~TxnLogWriter() = default;

void TxnLogWriter::append(const TxnEntry& entry) {
    x_state->append(entry);
}
void TxnLogWriter::flush(Flushed then) {
    x_state->flush(std::move(then));
}
void TxnLogWriter::roll() {
    x_state->roll_next = true;
}
bool TxnLogWriter::full() const {
    return x_state->waiting_bytes >= kWaitingBytesMax;
}
std::uint64_t TxnLogWriter::bytes_since_roll() const {
    return x_state->roll_next ? 0 : x_state->file_bytes;
}
const Status& TxnLogWriter::status() const {
    return x_state->status;
}
const TxnLogWriter::Figures& TxnLogWriter::figures() const {
    return x_state->figures;
}

}  // namespace millrace::coordinator::storage
