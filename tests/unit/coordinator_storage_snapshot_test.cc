#include <zlib.h>

#include "coordinator/storage/snapshot_encoder.h"
#include "coordinator/storage/snapshot_reader.h"
#include "coordinator/storage/snapshot_writer.h"
#include "tests/support/golden_file.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/silent_network.h"
#include "tests/support/zk_records.h"

namespace millrace::coordinator::storage {
namespace {

const std::string kDirectory = "/data/version-2";
const std::string kGoldenPath = kDirectory + "/snapshot.14";
constexpr std::int64_t kSession = 0x100004585e40001;  // the one the captured server had open

SnapshotFile file_at(const std::string& path, std::int64_t zxid) {
    return {zxid, SnapshotCompression::none, path};
}

Bytes golden() {
    return testing::read_golden("zk/snapshot.14.hex");
}

Bytes gzipped(BytesView bytes) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytes input(bytes.begin(), bytes.end());
    Bytes out(bytes.size() + 1000);
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(out.size() - stream.avail_out);
    deflateEnd(&stream);
    return out;
}

struct Disk {
    testing::MemoryFileSystem files;
    testing::ManualLoop loop;
    testing::ManualDiskPool pool{loop};
    testing::SilentNetwork network;
    runtime::Runtime runtime{loop, network, files, pool};

    Disk() { REQUIRE(files.make_directories(kDirectory)); }

    Result<LoadedSnapshot> load(const Bytes& bytes, tree::NodeTree& tree) {
        files.put(kGoldenPath, bytes);
        return load_snapshot(files, file_at(kGoldenPath, 0x14), tree);
    }
};

void create(tree::NodeTree& tree, const std::string& path, std::string_view data) {
    tree::Outcome outcome;
    const std::int64_t zxid = tree.last_zxid() + 1;
    REQUIRE(tree.apply({1, 1, zxid, 1000, tree::TxnType::create},
                       testing::create_txn(path, data, static_cast<std::int32_t>(zxid)), outcome));
}

std::size_t file_count(testing::MemoryFileSystem& files) {
    return files.list(kDirectory)->size();
}

}  // namespace

TEST_CASE("a snapshot of Java's server is loaded with nodes, lists, sessions and digest") {
    Disk disk;
    tree::NodeTree tree;
    tree.set_extended_types(true);
    const Result<LoadedSnapshot> loaded = disk.load(golden(), tree);
    REQUIRE(loaded);
    tree.invariants();
    REQUIRE(loaded->zxid == 0x14);
    REQUIRE(loaded->digest->zxid == 0x14);
    REQUIRE(loaded->digest->value == tree.digest());
    REQUIRE(as_text(tree.find("/plain")->data()) == "hello again");
    REQUIRE(tree.find("/umlaut-ü") != nullptr);
    REQUIRE(tree.find("/gone") == nullptr);
    REQUIRE(tree.find("/box")->stat.ephemeral_owner == tree::kContainerOwner);
    REQUIRE(tree.ttl_nodes().contains("/timed"));
    REQUIRE(tree.ephemerals(kSession)->contains("/mine"));
    REQUIRE(tree.sessions().at(kSession) == 30'000);
    REQUIRE(tree.acls().get(tree.find("/secret")->acl).front().id ==
            "alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=");
}

TEST_CASE("null data stays null and empty data stays empty through a snapshot") {
    Disk disk;
    tree::NodeTree tree;
    create(tree, "/empty", "");
    wire::Writer null_record;
    tree::write_text(null_record, "/null");
    null_record.int32(-1);
    null_record.bytes(tree::encode_acl(tree::open_acl()));
    null_record.boolean(false);
    null_record.int32(2);
    tree::Outcome outcome;
    REQUIRE(tree.apply({1, 1, 2, 1, tree::TxnType::create}, null_record.view(), outcome));
    REQUIRE(write_snapshot(disk.files, {.directory = kDirectory}, tree));
    tree::NodeTree again;
    REQUIRE(load_snapshot(disk.files, file_at(kDirectory + "/snapshot.2", 2), again));
    REQUIRE(again.find("/null")->data().data() == nullptr);
    REQUIRE(again.find("/empty")->data().data() != nullptr);
    REQUIRE(again.find("/empty")->data().empty());
}

TEST_CASE("a snapshot written from Java's has the same size, digest and sections") {
    Disk disk;
    tree::NodeTree tree;
    tree.set_extended_types(true);
    REQUIRE(disk.load(golden(), tree));
    REQUIRE(disk.files.make_directories("/ours"));
    REQUIRE(write_snapshot(disk.files, {.directory = "/ours"}, tree));
    const Bytes ours = disk.files.contents("/ours/snapshot.14");
    // The order of siblings differs: Java's is that of its hash tables.
    REQUIRE(ours.size() == golden().size());
    tree::NodeTree again;
    again.set_extended_types(true);
    REQUIRE(load_snapshot(disk.files, file_at("/ours/snapshot.14", 0x14), again));
    again.invariants();
    REQUIRE(again.digest() == tree.digest());
    REQUIRE(again.sessions() == tree.sessions());
    const std::size_t tail = 33 + 21;
    REQUIRE(to_hex(BytesView(ours).last(tail).first(20)) ==
            to_hex(BytesView(golden()).last(tail).first(20)));
}

TEST_CASE("the sections a server does not write are not there and are not missed") {
    const auto [digest, last_zxid, size] = GENERATE(table<bool, bool, std::size_t>(
        {{false, false, 0}, {true, false, 33}, {false, true, 21}, {true, true, 54}}));
    Disk disk;
    tree::NodeTree tree;
    create(tree, "/a", "b");
    REQUIRE(write_snapshot(disk.files, {kDirectory, {false, false}}, tree));
    const std::size_t plain = disk.files.contents(kDirectory + "/snapshot.1").size();
    REQUIRE(write_snapshot(disk.files, {kDirectory, {digest, last_zxid}}, tree));
    REQUIRE(disk.files.contents(kDirectory + "/snapshot.1").size() == plain + size);
    tree::NodeTree again;
    const auto loaded = load_snapshot(disk.files, file_at(kDirectory + "/snapshot.1", 1), again);
    REQUIRE(loaded);
    REQUIRE(loaded->digest.has_value() == digest);
    REQUIRE(again.digest() == tree.digest());
}

TEST_CASE("a snapshot compressed with gzip is read") {
    Disk disk;
    const std::string path = kDirectory + "/snapshot.14.gz";
    disk.files.put(path, gzipped(golden()));
    tree::NodeTree tree;
    tree.set_extended_types(true);
    const auto loaded = load_snapshot(disk.files, {0x14, SnapshotCompression::gzip, path}, tree);
    REQUIRE(loaded);
    REQUIRE(loaded->digest->value == tree.digest());
}

TEST_CASE("a compressed snapshot is written and read") {
    const auto [compression, name] = GENERATE(table<SnapshotCompression, std::string>(
        {{SnapshotCompression::gzip, "/snapshot.64.gz"},
         {SnapshotCompression::snappy, "/snapshot.64.snappy"}}));
    Disk disk;
    tree::NodeTree tree;
    const std::string data(3'000, 'x');
    for (int i = 1; i <= 100; ++i) {
        create(tree, fmt::format("/{}", i), data);
    }
    SnapshotWriterOptions options{.directory = kDirectory};
    options.compression = compression;
    REQUIRE(write_snapshot(disk.files, options, tree));
    const std::string path = kDirectory + name;
    REQUIRE(disk.files.contents(path).size() < 100 * data.size() / 4);
    tree::NodeTree again;
    REQUIRE(load_snapshot(disk.files, {0x64, compression, path}, again));
    REQUIRE(again.digest() == tree.digest());

    // Cut, it is refused like any other. (What gzip adds at the end is not missed.)
    const Bytes whole = disk.files.contents(path);
    for (std::size_t size = 0; size < whole.size() * 8 / 9; size += whole.size() / 9) {
        disk.files.put(path, BytesView(whole).first(size));
        tree::NodeTree cut;
        REQUIRE(load_snapshot(disk.files, {0x64, compression, path}, cut).error().code ==
                Errc::malformed);
    }
}

TEST_CASE(
    "blocks of snappy that lie about their size are refused before anything is taken for them") {
    Disk disk;
    const std::string path = kDirectory + "/snapshot.14.snappy";
    const Bytes header = to_bytes(std::string_view("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16));
    for (const std::string_view block :
         {std::string_view("\x7f\xff\xff\xff\x01", 5), std::string_view("\xff\xff\xff\xff\x01", 5),
          std::string_view("\0\0\0\0", 4),
          std::string_view("\0\0\0\x06\xff\xff\xff\xff\x0f\0", 10)}) {
        Bytes file = header;
        file.insert(file.end(), as_bytes(block).begin(), as_bytes(block).end());
        disk.files.put(path, file);
        tree::NodeTree tree;
        REQUIRE(load_snapshot(disk.files, {0x14, SnapshotCompression::snappy, path}, tree)
                    .error()
                    .code == Errc::malformed);
    }
    disk.files.put(path, as_bytes("whatever else there is"));
    tree::NodeTree tree;
    REQUIRE(load_snapshot(disk.files, {0x14, SnapshotCompression::snappy, path}, tree)
                .error()
                .message.starts_with(path));
}

TEST_CASE("a snapshot cut anywhere before its first seal is refused") {
    Disk disk;
    const Bytes whole = golden();
    for (std::size_t size = 0; size < whole.size() - 54; size += 7) {
        tree::NodeTree tree;
        const auto loaded = disk.load(
            Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), tree);
        REQUIRE_FALSE(loaded);
        REQUIRE(loaded.error().code == Errc::malformed);
    }
}

TEST_CASE("a flipped bit anywhere in a snapshot is found") {
    Disk disk;
    for (std::size_t at = 0; at < golden().size(); at += 5) {
        Bytes bytes = golden();
        bytes[at] ^= std::byte{4};
        tree::NodeTree tree;
        tree.set_extended_types(true);
        const auto loaded = disk.load(bytes, tree);
        INFO("at " << at);
        REQUIRE_FALSE(loaded);
    }
}

TEST_CASE("the cheap test tells a whole snapshot from a part of one") {
    Disk disk;
    const Bytes whole = golden();
    disk.files.put(kGoldenPath, whole);
    REQUIRE(*looks_complete(disk.files, file_at(kGoldenPath, 0x14)));
    disk.files.put(kGoldenPath, Bytes(whole.begin(), whole.end() - 1));
    REQUIRE_FALSE(*looks_complete(disk.files, file_at(kGoldenPath, 0x14)));
}

TEST_CASE("a snapshot holds the state at its start whatever changes while it is written") {
    Disk disk;
    tree::NodeTree tree;
    for (int i = 0; i < 200; ++i) {
        create(tree, fmt::format("/n{:03}", i), std::string(100, 'x'));
    }
    const std::uint64_t digest = tree.digest();
    SnapshotWriter writer(disk.runtime, {.directory = kDirectory, .slice_bytes = 1000});
    std::optional<std::int64_t> zxid;
    writer.start(tree, [&](const Result<std::int64_t>& result) { zxid = result.value(); });
    for (int step = 0; !zxid; ++step) {
        create(tree, fmt::format("/n{:03}/late", step % 200), "late");
        tree::Outcome outcome;
        const std::string changed = fmt::format("/n{:03}", 199 - step % 200);
        REQUIRE(tree.apply({1, 1, tree.last_zxid() + 1, 1, tree::TxnType::set_data},
                           testing::set_data_txn(changed, "changed", 1 + step), outcome));
        REQUIRE(disk.pool.run_one());
        disk.loop.run_until_idle();
    }
    REQUIRE(*zxid == 200);
    REQUIRE_FALSE(writer.busy());
    disk.files.crash();
    tree::NodeTree again;
    const auto loaded = load_snapshot(disk.files, file_at(kDirectory + "/snapshot.c8", 200), again);
    REQUIRE(loaded);
    again.invariants();
    REQUIRE(again.digest() == digest);
    REQUIRE(loaded->digest->value == digest);
}

TEST_CASE("a crash while a snapshot is written leaves none") {
    Disk disk;
    tree::NodeTree tree;
    for (int i = 0; i < 50; ++i) {
        create(tree, fmt::format("/n{}", i), std::string(100, 'x'));
    }
    SnapshotWriter writer(disk.runtime, {.directory = kDirectory, .slice_bytes = 1000});
    bool called = false;
    writer.start(tree, [&](const Result<std::int64_t>&) { called = true; });
    REQUIRE(disk.pool.run_one());
    disk.loop.run_until_idle();
    disk.files.crash();
    REQUIRE(file_count(disk.files) == 0);
    REQUIRE_FALSE(called);
}

TEST_CASE("a snapshot that cannot be synced is reported and gets no name") {
    Disk disk;
    disk.files.set_fault([](std::string_view operation, const std::string&) {
        return operation == "sync" ? std::optional(Error{Errc::io_error, "broken"}) : std::nullopt;
    });
    tree::NodeTree tree;
    SnapshotWriter writer(disk.runtime, {.directory = kDirectory});
    std::optional<Error> error;
    writer.start(tree, [&](const Result<std::int64_t>& result) { error = result.error(); });
    disk.pool.run_until_idle();
    REQUIRE(error->message == "broken");
    REQUIRE_FALSE(disk.files.exists(kDirectory + "/snapshot.0"));
    REQUIRE_FALSE(writer.busy());
}

}  // namespace millrace::coordinator::storage
