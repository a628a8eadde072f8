// Bytes of a data directory. The first byte chooses: one transaction, a log file, a snapshot's inside, a compressed snapshot, myid.
// Checksums are set right before the files are read, so that inputs get behind them.
#include "coordinator/storage/data_directory.h"
#include "coordinator/storage/recovery.h"
#include "coordinator/storage/snapshot_encoder.h"
#include "coordinator/storage/snapshot_reader.h"
#include "coordinator/storage/txn_log_format.h"
#include "coordinator/storage/txn_log_reader.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/wire/adler32.h"
#include "lib/wire/reader.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"
#include "tests/support/memory_file_system.h"

namespace millrace::coordinator::storage {
namespace {

const std::string kFolder = "/data/version-2";

void check_txn(BytesView bytes) {
    const fuzz::MemoryMeter meter;
    const Result<TxnEntry> entry = TxnEntry::decode(bytes);
    meter.check(bytes.size(), 4);
    if (!entry) {
        return;
    }
    wire::Writer out;
    entry->encode(out);
    if (out.size() != bytes.size()) {
        return;  // bytes behind the end, which a later version may have put there, are left out
    }
    const Result<TxnEntry> copy = TxnEntry::decode(out.view());
    CHECK(copy && copy->header == entry->header && copy->digest == entry->digest);
    CHECK(std::ranges::equal(copy->record, entry->record));
}

// A log file of pieces, each the payload of one record; what is left stands at the end as it is.
Bytes log_file(fuzz::Input& input) {
    wire::Writer out;
    const auto header = log_header();
    out.bytes(header);
    for (std::size_t records = input.byte() % 16; records > 0; --records) {
        const BytesView payload = input.piece();
        out.int64(wire::adler32(payload));
        out.int32(static_cast<std::int32_t>(payload.size()));
        out.bytes(payload);
        out.uint8(std::to_integer<std::uint8_t>(kRecordEnd));
    }
    out.bytes(input.rest());
    return out.take();
}

struct State {
    std::int64_t zxid = 0;
    std::uint64_t digest = 0;
    std::size_t nodes = 0;

    bool operator==(const State&) const = default;
};

std::optional<State> recovered(testing::MemoryFileSystem& files) {
    tree::NodeTree tree;
    RecoveryOptions options;
    options.snapshot_directory = kFolder;
    options.log_directory = kFolder;
    options.trust_empty_snapshot = true;
    const Result<Recovered> found = recover(files, options, tree);
    if (!found) {
        return std::nullopt;
    }
    tree.invariants();
    return State{found->zxid, tree.digest(), tree.node_count()};
}

// What was recovered once is recovered again, also after the machine has failed in between.
void check_log(fuzz::Input& input) {
    testing::MemoryFileSystem files;
    CHECK(files.make_directories(kFolder));
    files.put(kFolder + "/log.1", log_file(input));
    const std::optional<State> first = recovered(files);
    if (first) {
        files.crash();
        CHECK(recovered(files) == first);
    }
}

void put_seal(wire::Writer& out) {
    out.int64(wire::adler32(out.view()));
    out.int32(1);
    out.uint8('/');
}

// Null when it does not load.
std::optional<State> loaded(testing::MemoryFileSystem& files, const SnapshotFile& snapshot,
                            tree::NodeTree& tree) {
    const Result<LoadedSnapshot> found = load_snapshot(files, snapshot, tree);
    if (!found) {
        return std::nullopt;
    }
    tree.invariants();
    return State{found->zxid, tree.digest(), tree.node_count()};
}

// A snapshot that loads is written again and loads as the same tree.
void check_snapshot(fuzz::Input& input) {
    testing::MemoryFileSystem files;
    wire::Writer out;
    out.uint32(kSnapshotMagic);
    out.uint32(kSnapshotVersion);
    out.int64(-1);
    const std::size_t sections = input.choice(3);
    out.bytes(input.rest());
    put_seal(out);
    for (std::size_t i = 0; i < sections; ++i) {
        out.int64(i == 0 ? 7 : 9);
        if (i == 0) {
            out.int32(kSnapshotDigestVersion);
            out.int64(1);
        }
        put_seal(out);
    }
    files.put(kFolder + "/snapshot.7", out.view());
    const SnapshotFile snapshot{7, SnapshotCompression::none, kFolder + "/snapshot.7", out.size()};
    CHECK(fuzz::holds(looks_complete(files, snapshot), true));
    tree::NodeTree tree;
    const std::optional<State> first = loaded(files, snapshot, tree);
    if (!first) {
        return;
    }
    CHECK(files.make_directories("/copy"));
    CHECK(write_snapshot(files, {.directory = "/copy", .sections = {}}, tree));
    const auto copies = list_snapshots(files, "/copy");
    CHECK(copies && copies->size() == 1);
    tree::NodeTree copy;
    CHECK(loaded(files, copies->front(), copy) == first);
}

void check_compressed(BytesView bytes) {
    testing::MemoryFileSystem files;
    files.put(kFolder + "/snapshot.7.gz", bytes);
    const SnapshotFile snapshot{7, SnapshotCompression::gzip, kFolder + "/snapshot.7.gz",
                                bytes.size()};
    tree::NodeTree tree;
    (void)loaded(files, snapshot, tree);
}

void check_myid(BytesView bytes) {
    testing::MemoryFileSystem files;
    files.put("/data/myid", bytes);
    const Result<DataDirectory> directory = open_data_directory(files, "/data", "/data");
    CHECK(directory || directory.error().code == Errc::invalid_argument);
}

}  // namespace
}  // namespace millrace::coordinator::storage

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace millrace::coordinator::storage;
    millrace::configure_log(millrace::LogLevel::error, millrace::LogFormat::text);
    millrace::fuzz::Input input(data, size);
    switch (input.choice(5)) {
        case 0:
            check_txn(input.rest());
            break;
        case 1:
            check_log(input);
            break;
        case 2:
            check_snapshot(input);
            break;
        case 3:
            check_compressed(input.rest());
            break;
        default:
            check_myid(input.rest());
    }
    return 0;
}
