#include "coordinator/storage/file_names.h"
#include "coordinator/storage/txn_log_format.h"
#include "coordinator/storage/txn_log_reader.h"
#include "coordinator/storage/txn_log_writer.h"
#include "tests/support/golden_file.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/silent_network.h"
#include "tests/support/zk_records.h"

namespace millrace::coordinator::storage {
namespace {

const std::string kDirectory = "/data/version-2";

// Transactions that create "/n<zxid>".
struct Journal {
    testing::MemoryFileSystem files;
    testing::ManualLoop loop;
    testing::ManualDiskPool disk{loop};
    testing::SilentNetwork network;
    runtime::Runtime runtime{loop, network, files, disk};
    TxnLogOptions options{.directory = kDirectory, .zeros_ahead = 0};
    std::unique_ptr<TxnLogWriter> writer;
    std::int64_t durable = 0;  // the last zxid a flush has answered for
    std::optional<Error> error;

    Journal() { REQUIRE(files.make_directories(kDirectory)); }

    void open() { writer = std::make_unique<TxnLogWriter>(runtime, options); }

    void append(std::int64_t zxid, std::size_t data_size = 10) {
        const Bytes record =
            testing::create_txn(fmt::format("/n{}", zxid), std::string(data_size, 'Z'), 1);
        const tree::TxnHeader header{0x77, 1, zxid, 1'700'000'000'000, tree::TxnType::create};
        writer->append({header, record, 0x1234});
        writer->flush([this, zxid](const Status& status) {
            if (status) {
                durable = zxid;
            } else {
                error = status.error();
            }
        });
    }

    // The zxids of one file, up to its end or to an error.
    std::vector<std::int64_t> zxids(const std::string& name) {
        std::vector<std::int64_t> found;
        Result<TxnLogReader> reader = TxnLogReader::open(files, kDirectory + "/" + name);
        REQUIRE(reader);
        for (;;) {
            Result<std::optional<TxnEntry>> entry = reader->next();
            if (!entry) {
                error = entry.error();
                return found;
            }
            if (!*entry) {
                torn = reader->torn();
                return found;
            }
            found.push_back((*entry)->header.zxid);
        }
    }
    bool torn = false;

    // A file with transactions 1 to count, each of data_size bytes, in the bytes of the real writer.
    Bytes written(std::int64_t count, std::size_t data_size) {
        open();
        for (std::int64_t zxid = 1; zxid <= count; ++zxid) {
            append(zxid, data_size);
        }
        disk.run_until_idle();
        return files.contents(kDirectory + "/log.1");
    }
    void replace(const Bytes& bytes) { files.put(kDirectory + "/log.1", bytes); }
};

using Zxids = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a log of Java's server is read to its last transaction") {
    Journal journal;
    Bytes bytes = testing::read_golden("zk/log.1.hex");
    bytes.resize(bytes.size() + 4096);
    journal.replace(bytes);
    Zxids expected(0x14);
    std::iota(expected.begin(), expected.end(), 1);
    REQUIRE(journal.zxids("log.1") == expected);
    REQUIRE_FALSE(journal.error);
    REQUIRE_FALSE(journal.torn);
}

TEST_CASE("what is read from a log of Java's server is written again byte for byte") {
    Journal journal;
    const Bytes golden = testing::read_golden("zk/log.1.hex");
    journal.files.put("/java/log.1", golden);
    journal.open();
    Result<TxnLogReader> reader = TxnLogReader::open(journal.files, "/java/log.1");
    REQUIRE(reader);
    for (;;) {
        const Result<std::optional<TxnEntry>> entry = reader->next();
        REQUIRE(entry);
        if (!*entry) {
            break;
        }
        journal.writer->append(**entry);
    }
    journal.writer->flush([](const Status& status) { REQUIRE(status); });
    journal.disk.run_until_idle();
    REQUIRE(journal.files.contents(kDirectory + "/log.1") == golden);
}

TEST_CASE("errors carry no digest and other transactions of Java's log do") {
    Journal journal;
    journal.replace(testing::read_golden("zk/log.1.hex"));
    Result<TxnLogReader> reader = TxnLogReader::open(journal.files, kDirectory + "/log.1");
    REQUIRE(reader);
    for (int i = 0; i < 0x14; ++i) {
        const Result<std::optional<TxnEntry>> entry = reader->next();
        REQUIRE(entry);
        REQUIRE(*entry);
        REQUIRE((*entry)->digest.has_value() == ((*entry)->header.type != tree::TxnType::error));
    }
}

TEST_CASE("nothing is answered before the sync and everything of the batch after it") {
    Journal journal;
    journal.open();
    journal.append(1);
    journal.append(2);
    journal.loop.run_until_idle();
    REQUIRE(journal.durable == 0);
    REQUIRE(journal.disk.waiting() == 1);
    journal.disk.run_until_idle();
    REQUIRE(journal.durable == 2);
    journal.files.crash();
    REQUIRE(journal.zxids("log.1") == Zxids{1, 2});
}

TEST_CASE("transactions that come during a sync share the next one") {
    Journal journal;
    journal.open();
    journal.append(1);
    journal.loop.run_until_idle();
    for (std::int64_t zxid = 2; zxid <= 50; ++zxid) {
        journal.append(zxid);
        journal.loop.run_until_idle();
    }
    REQUIRE(journal.disk.waiting() == 1);
    journal.disk.run_until_idle();
    REQUIRE(journal.durable == 50);
    REQUIRE(journal.writer->figures().syncs == 2);
    REQUIRE(journal.writer->figures().txns == 50);
}

TEST_CASE("a batch is one write and one sync") {
    Journal journal;
    journal.open();
    journal.append(1);
    journal.disk.run_until_idle();
    const auto before = journal.files.calls();
    for (std::int64_t zxid = 2; zxid <= 20; ++zxid) {
        journal.append(zxid);
    }
    journal.disk.run_until_idle();
    REQUIRE(journal.files.calls().writes == before.writes + 1);
    REQUIRE(journal.files.calls().syncs == before.syncs + 1);
}

TEST_CASE("a roll starts a file named after its first transaction") {
    Journal journal;
    journal.open();
    journal.append(1);
    journal.append(2);
    journal.writer->roll();
    journal.append(3);
    journal.disk.run_until_idle();
    journal.writer->roll();
    journal.append(0x100000001);
    journal.disk.run_until_idle();
    journal.files.crash();
    REQUIRE(journal.zxids("log.1") == Zxids{1, 2});
    REQUIRE(journal.zxids("log.3") == Zxids{3});
    REQUIRE(journal.zxids("log.100000001") == Zxids{0x100000001});
}

TEST_CASE("a file that reached its limit is followed by another one") {
    Journal journal;
    journal.options.file_bytes_max = 1000;
    journal.open();
    for (std::int64_t zxid = 1; zxid <= 6; ++zxid) {
        journal.append(zxid, 500);
    }
    journal.disk.run_until_idle();
    REQUIRE(journal.zxids("log.1") == Zxids{1, 2});
    REQUIRE(journal.zxids("log.3") == Zxids{3, 4});
    REQUIRE(journal.zxids("log.5") == Zxids{5, 6});
}

TEST_CASE("a log file that is there already is never taken over") {
    Journal journal;
    journal.files.put(kDirectory + "/log.1", as_bytes("precious"));
    journal.open();
    journal.append(1);
    journal.disk.run_until_idle();
    REQUIRE(journal.error->code == Errc::already_exists);
    REQUIRE(as_text(journal.files.contents(kDirectory + "/log.1")) == "precious");
}

TEST_CASE("zeros are written ahead and records go over them") {
    Journal journal;
    journal.options.zeros_ahead = 1 << 20;
    journal.open();
    journal.append(1);
    journal.disk.run_until_idle();
    REQUIRE(journal.files.contents(kDirectory + "/log.1").size() > (1 << 20));
    for (std::int64_t zxid = 2; zxid <= 40; ++zxid) {
        journal.append(zxid, 60'000);
        journal.disk.run_until_idle();
    }
    Zxids expected(40);
    std::iota(expected.begin(), expected.end(), 1);
    REQUIRE(journal.zxids("log.1") == expected);
    REQUIRE_FALSE(journal.torn);
}

TEST_CASE("a batch that would reach into a stretch being filled waits for that") {
    Journal journal;
    journal.options.zeros_ahead = 1 << 20;
    journal.open();
    journal.append(1);
    journal.loop.run_until_idle();
    REQUIRE(journal.disk.run_one());  // the batch; what follows is the fill
    journal.loop.run_until_idle();
    REQUIRE(journal.disk.waiting() == 1);
    journal.append(2, 100'000);
    journal.loop.run_until_idle();
    REQUIRE(journal.disk.waiting() == 1);
    journal.disk.run_until_idle();
    REQUIRE(journal.durable == 2);
    REQUIRE(journal.zxids("log.1") == Zxids{1, 2});
}

TEST_CASE("a fill that ends after its file was left does not touch the next one") {
    Journal journal;
    journal.options.zeros_ahead = 1 << 20;
    journal.open();
    journal.append(1);
    journal.loop.run_until_idle();
    REQUIRE(journal.disk.run_one());
    journal.loop.run_until_idle();  // the fill of log.1 waits on its lane, which is the second one
    journal.writer->roll();
    journal.append(2);
    journal.loop.run_until_idle();
    REQUIRE(journal.disk.run_one(runtime::DiskLane{0}));
    journal.loop.run_until_idle();
    REQUIRE(journal.durable == 2);
    journal.append(3, 200'000);
    journal.disk.run_until_idle();
    REQUIRE(journal.durable == 3);
    REQUIRE(journal.zxids("log.2") == Zxids{2, 3});
}

TEST_CASE("after a failed sync every flush fails and nothing is written any more") {
    Journal journal;
    journal.open();
    journal.append(1);
    journal.disk.run_until_idle();
    journal.files.set_fault([](std::string_view operation, const std::string&) {
        return operation == "sync" ? std::optional(Error{Errc::io_error, "the disk is gone"})
                                   : std::nullopt;
    });
    journal.append(2);
    journal.disk.run_until_idle();
    REQUIRE(journal.error->message == "the disk is gone");
    journal.files.set_fault(nullptr);
    const auto before = journal.files.calls();
    journal.error.reset();
    journal.append(3);
    journal.disk.run_until_idle();
    REQUIRE(journal.error->message == "the disk is gone");
    REQUIRE(journal.durable == 1);
    REQUIRE(journal.files.calls().writes == before.writes);
}

TEST_CASE("a disk too full for zeros still takes transactions") {
    Journal journal;
    journal.options.zeros_ahead = 1 << 20;
    journal.open();
    journal.append(1);
    journal.loop.run_until_idle();
    REQUIRE(journal.disk.run_one());
    journal.loop.run_until_idle();
    journal.files.set_fault([](std::string_view operation, const std::string&) {
        return operation == "write" ? std::optional(Error{Errc::disk_full, "no space"})
                                    : std::nullopt;
    });
    REQUIRE(journal.disk.run_one());
    journal.files.set_fault(nullptr);
    journal.append(2);
    journal.disk.run_until_idle();
    REQUIRE(journal.durable == 2);
    REQUIRE(journal.writer->status());
}

TEST_CASE("the writer is full at its bound and takes more once the disk has caught up") {
    Journal journal;
    journal.open();
    std::int64_t zxid = 0;
    while (!journal.writer->full()) {
        journal.append(++zxid, 1 << 20);
    }
    REQUIRE(zxid == kWaitingBytesMax >> 20);
    journal.disk.run_until_idle();
    REQUIRE_FALSE(journal.writer->full());
    REQUIRE(journal.durable == zxid);
    // No batch holds much more than its bound.
    REQUIRE(journal.writer->figures().syncs >= kWaitingBytesMax / kBatchBytes / 2);
}

TEST_CASE("a writer that goes away leaves its last batch to the pool") {
    Journal journal;
    journal.open();
    journal.append(1);
    journal.loop.run_until_idle();
    journal.writer.reset();
    journal.disk.run_until_idle();
    REQUIRE(journal.durable == 0);
    REQUIRE(journal.zxids("log.1") == Zxids{1});
}

TEST_CASE("a record that lost a sector at the end of the log ends it") {
    Journal journal;
    Bytes bytes = journal.written(3, 2000);
    const std::size_t record = (bytes.size() - kLogHeaderSize) / 3;
    const std::size_t sector = (kLogHeaderSize + 2 * record + 600) / 512 * 512;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(sector), 512, std::byte{});
    journal.replace(bytes);
    REQUIRE(journal.zxids("log.1") == Zxids{1, 2});
    REQUIRE(journal.torn);
}

TEST_CASE("a batch of which a later record survived and an earlier one did not ends at that one") {
    Journal journal;
    Bytes bytes = journal.written(3, 2000);
    const std::size_t record = (bytes.size() - kLogHeaderSize) / 3;
    const std::size_t sector = (kLogHeaderSize + record + 600) / 512 * 512;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(sector), 512, std::byte{});
    journal.replace(bytes);
    REQUIRE(journal.zxids("log.1") == Zxids{1});
    REQUIRE(journal.torn);
}

TEST_CASE("a lost sector with records behind it that no batch reaches is corruption") {
    Journal journal;
    Bytes bytes = journal.written(100, 120'000);
    const std::size_t record = (bytes.size() - kLogHeaderSize) / 100;
    const std::size_t sector = (kLogHeaderSize + record + 600) / 512 * 512;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(sector), 512, std::byte{});
    // The records within reach of the same batch are lost with it.
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(sector), kBatchReach, std::byte{});
    journal.replace(bytes);
    REQUIRE(journal.zxids("log.1") == Zxids{1});
    REQUIRE(journal.error->code == Errc::malformed);
}

TEST_CASE("a flipped bit is corruption and named with file and offset") {
    Journal journal;
    Bytes bytes = journal.written(3, 50);
    const std::size_t record = (bytes.size() - kLogHeaderSize) / 3;
    bytes[kLogHeaderSize + record + 60] ^= std::byte{1};
    journal.replace(bytes);
    REQUIRE(journal.zxids("log.1") == Zxids{1});
    REQUIRE(journal.error->code == Errc::malformed);
    REQUIRE(journal.error->message ==
            fmt::format("/data/version-2/log.1 is corrupt at offset {}: a record does not match "
                        "its checksum and valid records follow it",
                        kLogHeaderSize + record));
}

TEST_CASE("a file cut within its last record ends before it") {
    Journal journal;
    Bytes bytes = journal.written(3, 50);
    bytes.resize(bytes.size() - 5);
    journal.replace(bytes);
    REQUIRE(journal.zxids("log.1") == Zxids{1, 2});
    REQUIRE(journal.torn);
}

TEST_CASE("a file whose header never arrived has no transactions") {
    Journal journal;
    journal.replace(Bytes(4096));
    REQUIRE(journal.zxids("log.1").empty());
}

TEST_CASE("another kind of file is refused") {
    Journal journal;
    journal.replace(to_bytes("#!/bin/sh and some more text"));
    const auto reader = TxnLogReader::open(journal.files, kDirectory + "/log.1");
    REQUIRE(reader.error().code == Errc::malformed);
}

TEST_CASE("an unknown type of transaction is refused") {
    wire::Writer out;
    tree::TxnHeader{1, 1, 5, 0, static_cast<tree::TxnType>(99)}.encode(out);
    REQUIRE(TxnEntry::decode(out.view()).error().code == Errc::unsupported);
}

TEST_CASE("a closeSession without paths keeps its digest") {
    wire::Writer out;
    TxnEntry{{1, 1, 5, 0, tree::TxnType::close_session}, {}, 0xabcdef}.encode(out);
    const Result<TxnEntry> entry = TxnEntry::decode(out.view());
    REQUIRE(entry);
    REQUIRE(entry->record.empty());
    REQUIRE(entry->digest == 0xabcdef);
}

}  // namespace millrace::coordinator::storage
