#include "coordinator/storage/recovery.h"

#include <ranges>

#include "coordinator/storage/file_names.h"
#include "coordinator/storage/snapshot_reader.h"
#include "coordinator/storage/txn_log_reader.h"
#include "lib/base/log.h"

namespace millrace::coordinator::storage {
namespace {

// Java looks at as many.
constexpr std::size_t kSnapshotsTried = 100;

std::int64_t epoch_of(std::int64_t zxid) {
    return zxid >> 32;
}

// The first transaction of a later epoch has the counter 1; what the former epoch lost at its end no file can tell.
bool follows(std::int64_t previous, std::int64_t zxid) {
    constexpr std::int64_t kCounterMask = 0xffff'ffff;
    return zxid == previous + 1 ||
           (epoch_of(zxid) > epoch_of(previous) && (zxid & kCounterMask) <= 1);
}

class Recovery {
 public:
    Recovery(runtime::FileSystem& files, const RecoveryOptions& options, tree::NodeTree& tree)
        : x_files(files), x_options(options), x_tree(tree) {}

    Result<Recovered> run();

 private:
    // False when the directory has none at all.
    Result<bool> load_newest_snapshot();
    Status start_without_snapshot();
    Status replay(const LogFile& log, bool last);
    Status replay_txn(const TxnLogReader& reader, const TxnEntry& entry);
    void compare_digest(const TxnEntry& entry);
    Status mend(const LogFile& log, const TxnLogReader& reader, bool last);

    runtime::FileSystem& x_files;
    const RecoveryOptions& x_options;
    tree::NodeTree& x_tree;
    std::vector<LogFile> x_logs;
    Recovered x_result;
    std::int64_t x_digest_from = 0;  // digests of transactions up to this one cannot be compared
    bool x_behind_snapshot = true;   // transactions come that the snapshot holds already
    bool x_any_start = false;        // no snapshot says where the logs must begin
    tree::Outcome x_outcome;
};

Result<Recovered> Recovery::run() {
    x_logs = TRY(list_logs(x_files, x_options.log_directory));
    if (!TRY(load_newest_snapshot())) {
        TRY(start_without_snapshot());
    }
    // The file before the first that begins behind the snapshot may hold the transactions that follow it.
    std::size_t first = 0;
    while (first + 1 < x_logs.size() &&
           x_logs[first + 1].first_zxid <= x_result.snapshot_zxid + 1) {
        ++first;
    }
    for (std::size_t i = first; i < x_logs.size(); ++i) {
        TRY(replay(x_logs[i], i + 1 == x_logs.size()));
    }
    if (!x_logs.empty()) {
        TRY(x_files.sync_directory(x_options.log_directory));
    }
    return x_result;
}

Result<bool> Recovery::load_newest_snapshot() {
    const std::vector<SnapshotFile> snapshots =
        TRY(list_snapshots(x_files, x_options.snapshot_directory));
    std::string last_error;
    for (const SnapshotFile& snapshot :
         snapshots | std::views::reverse | std::views::take(kSnapshotsTried)) {
        const Result<LoadedSnapshot> loaded = load_snapshot(x_files, snapshot, x_tree);
        if (loaded) {
            x_result.zxid = loaded->zxid;
            x_result.snapshot_zxid = loaded->zxid;
            x_digest_from = loaded->digest ? loaded->digest->zxid : loaded->zxid;
            return true;
        }
        if (loaded.error().code == Errc::io_error) {
            return fail(loaded.error());
        }
        last_error = loaded.error().to_string();
        log_warning("storage", "passing over {}: {}", snapshot.path, last_error);
    }
    if (!snapshots.empty()) {
        return fail(Errc::malformed,
                    fmt::format("none of the snapshots in {} can be read; the oldest tried: {}",
                                x_options.snapshot_directory, last_error));
    }
    return false;
}

Status Recovery::start_without_snapshot() {
    x_tree.load_begin();
    x_tree.load_finish(0);
    // A log that was named but never written to says nothing.
    while (!x_logs.empty()) {
        TxnLogReader reader = TRY(TxnLogReader::open(x_files, x_logs.back().path));
        if (TRY(reader.next())) {
            break;
        }
        TRY(x_files.remove(x_logs.back().path));
        x_logs.pop_back();
    }
    if (!x_logs.empty()) {
        if (!x_options.trust_empty_snapshot) {
            return fail(Errc::not_found,
                        fmt::format("{} holds transactions and {} no snapshot: one is missing. "
                                    "snapshot.trust.empty=true replays the logs alone",
                                    x_logs.front().path, x_options.snapshot_directory));
        }
        log_warning("storage", "no snapshot in {}; replaying the logs alone",
                    x_options.snapshot_directory);
        x_any_start = true;
        return {};
    }
    if (!x_options.create_empty) {
        x_result.zxid = -1;
        return {};
    }
    const SnapshotWriterOptions first{x_options.snapshot_directory, x_options.sections,
                                      x_options.compression};
    return write_snapshot(x_files, first, x_tree);
}

Status Recovery::replay(const LogFile& log, bool last) {
    TxnLogReader reader = TRY(TxnLogReader::open(x_files, log.path));
    while (const std::optional<TxnEntry> entry = TRY(reader.next())) {
        TRY(replay_txn(reader, *entry));
    }
    return mend(log, reader, last);
}

Status Recovery::replay_txn(const TxnLogReader& reader, const TxnEntry& entry) {
    const std::int64_t zxid = entry.header.zxid;
    if (x_behind_snapshot && zxid <= x_result.snapshot_zxid) {
        return {};
    }
    x_behind_snapshot = false;
    if (zxid <= x_result.zxid) {
        // Java's logs may repeat a zxid; applying again changes nothing that was not the last one's doing.
        log_warning("storage", "{} at offset {}: zxid 0x{:x} after 0x{:x}", reader.path(),
                    reader.record_offset(), zxid, x_result.zxid);
    } else if (!follows(x_result.zxid, zxid) && !std::exchange(x_any_start, false)) {
        return fail(Errc::malformed,
                    fmt::format("{} at offset {}: zxid 0x{:x} follows 0x{:x}; the transactions "
                                "between them are missing",
                                reader.path(), reader.record_offset(), zxid, x_result.zxid));
    }
    const Status applied = x_tree.apply(entry.header, entry.record, x_outcome);
    if (!applied) {
        return fail(applied.error().code,
                    fmt::format("{} at offset {}: {}", reader.path(), reader.record_offset(),
                                applied.error().message));
    }
    x_result.zxid = std::max(x_result.zxid, zxid);
    ++x_result.txns_replayed;
    x_result.log_bytes_replayed += reader.position() - reader.record_offset();
    compare_digest(entry);
    if (x_options.on_txn) {
        x_options.on_txn(entry);
    }
    return {};
}

void Recovery::compare_digest(const TxnEntry& entry) {
    if (!entry.digest || entry.header.zxid <= x_digest_from || *entry.digest == x_tree.digest()) {
        return;
    }
    if (++x_result.digest_mismatches == 1) {
        log_warning("storage", "the tree's digest at zxid 0x{:x} is 0x{:x}, and 0x{:x} was logged",
                    entry.header.zxid, x_tree.digest(), *entry.digest);
    }
}

Status Recovery::mend(const LogFile& log, const TxnLogReader& reader, bool last) {
    if (!last) {
        return {};
    }
    // The writer will ask for this name again, and it never takes over a file that is there.
    if (reader.record_offset() == 0) {
        log_info("storage", "removing {}, which holds no transaction", log.path);
        return x_files.remove(log.path);
    }
    const std::unique_ptr<runtime::File> file =
        TRY(x_files.open(log.path, runtime::OpenMode::read_write));
    if (reader.torn()) {
        log_warning("storage", "cutting a torn write off {} at offset {}", log.path,
                    reader.position());
        TRY(file->truncate(reader.position()));
    }
    return file->sync_data();
}

}  // namespace

Result<Recovered> recover(runtime::FileSystem& files, const RecoveryOptions& options,
                          tree::NodeTree& tree) {
    return Recovery(files, options, tree).run();
}

}  // namespace millrace::coordinator::storage
