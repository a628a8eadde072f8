#include "coordinator/storage/data_directory.h"
#include "coordinator/storage/file_names.h"
#include "coordinator/storage/purge.h"
#include "coordinator/storage/recovery.h"
#include "coordinator/storage/txn_log_format.h"
#include "coordinator/storage/txn_log_writer.h"
#include "tests/support/golden_file.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/silent_network.h"
#include "tests/support/zk_records.h"

namespace millrace::coordinator::storage {
namespace {

const std::string kDirectory = "/data/version-2";

struct Server {
    testing::MemoryFileSystem files;
    testing::ManualLoop loop;
    testing::ManualDiskPool pool{loop};
    testing::SilentNetwork network;
    runtime::Runtime runtime{loop, network, files, pool};
    RecoveryOptions options{.snapshot_directory = kDirectory, .log_directory = kDirectory};

    std::unique_ptr<tree::NodeTree> tree;
    std::unique_ptr<TxnLogWriter> log;
    std::int64_t zxid = 0;
    std::optional<std::int64_t> durable;

    Server() { REQUIRE(files.make_directories(kDirectory)); }

    Result<Recovered> start() {
        tree = std::make_unique<tree::NodeTree>();
        tree->set_extended_types(true);
        log = std::make_unique<TxnLogWriter>(
            runtime, TxnLogOptions{.directory = kDirectory, .zeros_ahead = 0});
        const Result<Recovered> recovered = recover(files, options, *tree);
        if (recovered) {
            zxid = recovered->zxid;
        }
        return recovered;
    }
    // Creates a node and logs it; the digest is that of the tree afterwards.
    void create() {
        ++zxid;
        const Bytes record = testing::create_txn(fmt::format("/n{:x}", zxid), "data",
                                                 static_cast<std::int32_t>(zxid));
        const tree::TxnHeader header{1, 1, zxid, 1000, tree::TxnType::create};
        tree::Outcome outcome;
        REQUIRE(tree->apply(header, record, outcome));
        log->append({header, record, tree->digest()});
        log->flush([this, at = zxid](const Status& status) {
            if (status) {
                durable = at;
            }
        });
    }
    void create(int count) {
        for (int i = 0; i < count; ++i) {
            create();
        }
        pool.run_until_idle();
    }
    void snapshot() { REQUIRE(write_snapshot(files, {.directory = kDirectory}, *tree)); }
    std::string path(const std::string& name) const { return kDirectory + "/" + name; }
};

}  // namespace

TEST_CASE("an empty directory becomes zxid 0 with a snapshot") {
    Server server;
    REQUIRE(server.start()->zxid == 0);
    server.files.crash();
    REQUIRE(server.files.exists(server.path("snapshot.0")));
}

TEST_CASE("an empty directory that must not be trusted votes for nothing") {
    Server server;
    server.options.create_empty = false;
    REQUIRE(server.start()->zxid == -1);
    REQUIRE(server.files.list(kDirectory)->empty());
}

TEST_CASE("a log of Java's server leads to the digest each transaction carries") {
    Server server;
    REQUIRE(server.start());
    Bytes log = testing::read_golden("zk/log.1.hex");
    log.resize(log.size() + 100'000);
    server.files.put(server.path("log.1"), log);
    const Result<Recovered> recovered = server.start();
    REQUIRE(recovered);
    REQUIRE(recovered->zxid == 0x14);
    REQUIRE(recovered->txns_replayed == 0x14);
    REQUIRE(recovered->digest_mismatches == 0);
    REQUIRE(server.tree->find("/mine") != nullptr);
    REQUIRE(server.tree->find("/gone") == nullptr);
    server.tree->invariants();
}

TEST_CASE("a log replayed over a later snapshot of Java's changes nothing") {
    Server server;
    server.files.put(server.path("log.1"), testing::read_golden("zk/log.1.hex"));
    // The file's name decides where replay begins: at 10 this snapshot is as fuzzy as can be.
    server.files.put(server.path("snapshot.a"), testing::read_golden("zk/snapshot.14.hex"));
    const Result<Recovered> recovered = server.start();
    REQUIRE(recovered);
    REQUIRE(recovered->zxid == 0x14);
    REQUIRE(recovered->txns_replayed == 10);
    REQUIRE(recovered->digest_mismatches == 0);
    server.tree->invariants();
    REQUIRE(as_text(server.tree->find("/plain")->data()) == "hello again");
}

TEST_CASE("everything acknowledged is there after a crash and the tree is the same") {
    Server server;
    REQUIRE(server.start());
    server.create(20);
    server.snapshot();
    server.log->roll();
    server.create(15);
    REQUIRE(server.durable == 35);
    const std::uint64_t digest = server.tree->digest();
    server.files.crash();
    const Result<Recovered> recovered = server.start();
    REQUIRE(recovered);
    REQUIRE(recovered->zxid == 35);
    REQUIRE(recovered->snapshot_zxid == 20);
    REQUIRE(recovered->txns_replayed == 15);
    REQUIRE(recovered->digest_mismatches == 0);
    REQUIRE(server.tree->digest() == digest);
}

TEST_CASE("a damaged snapshot is passed over and its transactions replayed") {
    Server server;
    REQUIRE(server.start());
    server.create(5);
    server.snapshot();
    server.log->roll();
    server.create(5);
    Bytes bytes = server.files.contents(server.path("snapshot.5"));
    bytes.resize(bytes.size() / 2);
    server.files.put(server.path("snapshot.5"), bytes);
    const Result<Recovered> recovered = server.start();
    REQUIRE(recovered);
    REQUIRE(recovered->snapshot_zxid == 0);
    REQUIRE(recovered->txns_replayed == 10);
}

TEST_CASE("with snapshots that are all damaged nothing starts") {
    Server server;
    server.files.put(server.path("snapshot.5"), as_bytes("not a snapshot"));
    REQUIRE(server.start().error().code == Errc::malformed);
}

TEST_CASE("logs without a snapshot are refused unless that is trusted") {
    Server server;
    REQUIRE(server.start());
    server.create(5);
    REQUIRE(server.files.remove(server.path("snapshot.0")));
    const Result<Recovered> refused = server.start();
    REQUIRE(refused.error().code == Errc::not_found);
    REQUIRE(refused.error().message.starts_with("/data/version-2/log.1 "));
    server.options.trust_empty_snapshot = true;
    const Result<Recovered> trusted = server.start();
    REQUIRE(trusted);
    REQUIRE(trusted->zxid == 5);
}

TEST_CASE("a missing log is a gap and the error names the file behind it") {
    Server server;
    REQUIRE(server.start());
    server.create(3);
    server.log->roll();
    server.create(3);
    server.log->roll();
    server.create(3);
    REQUIRE(server.files.remove(server.path("log.4")));
    const Result<Recovered> recovered = server.start();
    REQUIRE(recovered.error().code == Errc::malformed);
    REQUIRE(recovered.error().message ==
            "/data/version-2/log.7 at offset 16: zxid 0x7 follows 0x3; the transactions between "
            "them are missing");
}

TEST_CASE("the first transaction of a new epoch is no gap") {
    Server server;
    REQUIRE(server.start());
    server.create(3);
    server.zxid = 0x100000000;
    server.log->roll();
    server.create(2);
    REQUIRE(server.start()->zxid == 0x100000002);
}

TEST_CASE("a torn write at the end is cut off and the server goes on in a file of its own") {
    Server server;
    REQUIRE(server.start());
    server.create(3);
    Bytes bytes = server.files.contents(server.path("log.1"));
    const std::size_t whole = bytes.size();
    bytes.resize(whole - 4);
    server.files.put(server.path("log.1"), bytes);
    REQUIRE(server.start()->zxid == 2);
    server.create(1);
    server.files.crash();
    REQUIRE(server.files.exists(server.path("log.3")));
    REQUIRE(server.start()->zxid == 3);
}

TEST_CASE("a torn write that Java left within its logs is passed over when nothing is missing") {
    Server server;
    REQUIRE(server.start());
    server.create(2);
    server.log->roll();
    server.create(2);
    Bytes bytes = server.files.contents(server.path("log.1"));
    const Bytes junk = from_hex("00000000 1234 5678 00000100 4142");
    bytes.insert(bytes.end(), junk.begin(), junk.end());
    server.files.put(server.path("log.1"), bytes);
    REQUIRE(server.start()->zxid == 4);
}

TEST_CASE("a last log without any transaction is removed so that its name is free") {
    Server server;
    REQUIRE(server.start());
    server.create(2);
    server.files.put(server.path("log.3"), log_header());
    REQUIRE(server.start()->zxid == 2);
    REQUIRE_FALSE(server.files.exists(server.path("log.3")));
    server.create(1);
    REQUIRE(server.durable == 3);
}

TEST_CASE("what recovery reports survives the next crash though it was never synced before") {
    Server server;
    REQUIRE(server.start());
    server.create(2);
    server.create();
    server.loop.run_until_idle();
    // The process dies after the write and before the sync: the kernel still has the bytes.
    server.files.set_fault([](std::string_view operation, const std::string&) {
        return operation == "sync" ? std::optional(Error{Errc::io_error, "killed"}) : std::nullopt;
    });
    server.pool.run_until_idle();
    server.files.set_fault(nullptr);
    REQUIRE(server.start()->zxid == 3);
    server.files.crash();
    REQUIRE(server.start()->zxid == 3);
}

TEST_CASE("a digest that does not match is counted and is no error") {
    Server server;
    REQUIRE(server.start());
    server.zxid = 1;
    const Bytes record = testing::create_txn("/a", "x", 1);
    server.log->append({{1, 1, 1, 1, tree::TxnType::create}, record, 0xbad});
    server.log->flush([](const Status&) {});
    server.pool.run_until_idle();
    REQUIRE(server.start()->digest_mismatches == 1);
}

TEST_CASE("replayed transactions are shown in order") {
    Server server;
    REQUIRE(server.start());
    server.create(4);
    std::vector<std::int64_t> seen;
    server.options.on_txn = [&](const TxnEntry& entry) { seen.push_back(entry.header.zxid); };
    REQUIRE(server.start());
    REQUIRE(seen == std::vector<std::int64_t>{1, 2, 3, 4});
}

TEST_CASE("purge keeps the newest snapshots and every log that one of them needs") {
    Server server;
    REQUIRE(server.start());
    for (int i = 0; i < 6; ++i) {
        server.create(10);
        server.snapshot();
        server.log->roll();
    }
    server.create(3);
    const Result<Purged> purged = purge(server.files, {kDirectory, kDirectory, 3});
    REQUIRE(purged);
    REQUIRE(purged->snapshots == 4);  // 0, 10, 20, 30; of 60 the newest three are 40, 50, 60
    REQUIRE(list_snapshots(server.files, kDirectory)->front().zxid == 40);
    // log.1f holds 31 to 40, so what follows 40 begins in log.29.
    REQUIRE(list_logs(server.files, kDirectory)->front().first_zxid == 31);
    for (const char* newest : {"snapshot.3c", "snapshot.32"}) {
        REQUIRE(server.start()->zxid == 63);
        REQUIRE(server.files.remove(server.path(newest)));
    }
    REQUIRE(server.start()->zxid == 63);
}

TEST_CASE("purge counts no snapshot that is not complete") {
    Server server;
    REQUIRE(server.start());
    for (int i = 0; i < 4; ++i) {
        server.create(10);
        server.snapshot();
        server.log->roll();
    }
    for (const char* name : {"snapshot.28", "snapshot.1e"}) {
        Bytes bytes = server.files.contents(server.path(name));
        bytes.pop_back();
        server.files.put(server.path(name), bytes);
    }
    REQUIRE(purge(server.files, {kDirectory, kDirectory, 3}));
    REQUIRE(server.files.exists(server.path("snapshot.0")));
    REQUIRE(server.files.exists(server.path("log.1")));
}

TEST_CASE("purge without a complete snapshot deletes nothing") {
    Server server;
    server.files.put(server.path("snapshot.5"), as_bytes("part"));
    server.files.put(server.path("log.1"), log_header());
    server.files.put(server.path("log.5"), log_header());
    REQUIRE(purge(server.files, {kDirectory, kDirectory, 3})->logs == 0);
    REQUIRE(server.files.exists(server.path("log.1")));
}

TEST_CASE("a data directory is made, locked and told its id") {
    testing::MemoryFileSystem files;
    files.put("/zk/myid", as_bytes("12\n"));
    const Result<DataDirectory> directory = open_data_directory(files, "/zk", "/zk");
    REQUIRE(directory);
    REQUIRE(directory->snapshots == "/zk/version-2");
    REQUIRE(directory->logs == "/zk/version-2");
    REQUIRE(directory->myid == 12);
    REQUIRE(open_data_directory(files, "/zk", "/zk").error().code == Errc::busy);
}

TEST_CASE("a myid that is no number is refused") {
    testing::MemoryFileSystem files;
    files.put("/zk/myid", as_bytes("one"));
    REQUIRE(open_data_directory(files, "/zk", "/zk").error().code == Errc::invalid_argument);
}

TEST_CASE("logs in dataDir are refused when dataLogDir is another folder") {
    testing::MemoryFileSystem files;
    files.put("/zk/version-2/log.1", log_header());
    REQUIRE(files.make_directories("/logs"));
    REQUIRE(open_data_directory(files, "/zk", "/logs").error().code == Errc::invalid_argument);
}

TEST_CASE("what an unfinished snapshot left behind is removed at the start") {
    testing::MemoryFileSystem files;
    files.put("/zk/version-2/snapshot.5.tmp", as_bytes("part"));
    REQUIRE(open_data_directory(files, "/zk", "/zk"));
    REQUIRE_FALSE(files.exists("/zk/version-2/snapshot.5.tmp"));
}

TEST_CASE("file names are read and written with hexadecimal zxids above 2^63 too") {
    testing::MemoryFileSystem files;
    files.put("/v/log.ffffffff00000001", log_header());
    files.put("/v/log.1.bak", log_header());
    files.put("/v/snapshot.10.gz", log_header());
    REQUIRE(list_logs(files, "/v")->size() == 1);
    REQUIRE(list_snapshots(files, "/v")->front().compression == SnapshotCompression::gzip);
    REQUIRE(log_file_name(0x100000001) == "log.100000001");
    REQUIRE(snapshot_file_name(0x1f, SnapshotCompression::gzip) == "snapshot.1f.gz");
}

}  // namespace millrace::coordinator::storage
