// Appending to a partition and reading from it.
#include "broker/log/batch_header.h"
#include "broker_log_fixture.h"

using namespace millrace;
using namespace millrace::broker::log;
using namespace millrace::broker::log::testing;
using kafka::ErrorCode;

namespace {

LogConfig small_segments() {
    LogConfig config;
    config.segment_bytes = 1000;
    config.index_interval_bytes = 200;
    return config;
}

// Replays a file of a Java broker batch by batch.
void replay(PartitionLog& log, const Bytes& records) {
    for (std::size_t at = 0; at < records.size();) {
        const auto header = parse_batch_header(BytesView(records).subspan(at));
        REQUIRE(header);
        REQUIRE(log.append_as_follower(BytesView(records).subspan(at, header->size)).ok());
        log.invariants();
        at += header->size;
    }
}

}  // namespace

TEST_CASE("The same batches give the same files as a Java broker wrote") {
    World world;
    auto log = world.open(small_segments());
    for (const char* base : {"00", "10", "20"}) {
        replay(*log, golden("idx.000000000000000000" + std::string(base) + ".log"));
    }
    world.settle();
    REQUIRE(log->close());
    const auto entries = world.files.list("/logs/t-0");
    REQUIRE(entries);
    std::size_t compared = 0;
    for (const auto& entry : *entries) {
        INFO(entry.name);
        REQUIRE(to_hex(world.files.contents("/logs/t-0/" + entry.name)) ==
                to_hex(golden("idx." + entry.name)));
        ++compared;
    }
    REQUIRE(compared == 13);
}

TEST_CASE("Transactions give the same indexes and snapshot as a Java broker wrote") {
    World world;
    auto log = world.open();
    replay(*log, golden("tx.00000000000000000000.log"));
    log->set_high_watermark(7);
    world.settle();
    REQUIRE(log->close());
    for (const char* suffix : {".log", ".index", ".timeindex", ".txnindex"}) {
        const std::string name = "00000000000000000000" + std::string(suffix);
        INFO(name);
        REQUIRE(to_hex(world.files.contents("/logs/t-0/" + name)) == to_hex(golden("tx." + name)));
    }
    REQUIRE(to_hex(world.files.contents("/logs/t-0/00000000000000000007.snapshot")) ==
            to_hex(golden("tx.00000000000000000007.snapshot")));
}

TEST_CASE("A leader assigns offsets and its epoch and leaves the rest alone") {
    World world;
    auto log = world.open();
    const Bytes batch = make_batch({.records = 3}, {}, 77);
    REQUIRE(append(*log, batch, 4, AppendOrigin::coordinator).first_offset == 0);
    const AppendResult second = append(*log, batch, 4, AppendOrigin::coordinator);
    REQUIRE(second.first_offset == 3);
    REQUIRE(second.last_offset == 5);
    const Bytes all = read_all(world, *log, 0);
    REQUIRE(all.size() == 2 * batch.size());
    const auto header = parse_batch_header(BytesView(all).subspan(batch.size()));
    REQUIRE(header->base_offset == 3);
    REQUIRE(header->leader_epoch == 4);
    REQUIRE(batch_checksum_ok(BytesView(all).subspan(batch.size())));
    REQUIRE(log->latest_epoch() == 4);
}

TEST_CASE("Log append time replaces the time of the records") {
    World world;
    LogConfig config;
    config.timestamp_type = TimestampType::log_append_time;
    auto log = world.open(config);
    const AppendResult result = append(*log, make_batch({.records = 2, .value_bytes = 5000}));
    REQUIRE(result.log_append_time == world.loop.wall_now().millis);
    const Bytes all = read_all(world, *log, 0);
    REQUIRE(batch_checksum_ok(all));
    const auto header = parse_batch_header(all);
    REQUIRE(header->max_timestamp == result.log_append_time);
    REQUIRE((header->attributes & kLogAppendTimeBit) != 0);
}

TEST_CASE("A producer's batch that claims the append's time") {
    World world;
    LogConfig config;
    kafka::BatchOptions options;
    options.log_append_time = 5000;
    kafka::RecordBatchBuilder builder(options);
    kafka::Record record;
    record.timestamp = 1000;
    builder.add(record);
    const Bytes batch = builder.build();
    SECTION("counts as any other where the topic keeps the producer's") {
        auto log = world.open(config);
        REQUIRE(append(*log, batch).ok());
        const Bytes stored = read_all(world, *log, 0);
        REQUIRE(batch_checksum_ok(stored));
        REQUIRE((parse_batch_header(stored)->attributes & kLogAppendTimeBit) == 0);
    }
    SECTION("is refused where the broker sets it") {
        config.timestamp_type = TimestampType::log_append_time;
        auto log = world.open(config);
        REQUIRE(append(*log, batch).error == ErrorCode::invalid_timestamp);
        REQUIRE(log->log_end_offset() == 0);
    }
}

TEST_CASE("What a client must not write is refused with the code of the protocol") {
    World world;
    LogConfig config;
    config.max_message_bytes = 500;
    auto log = world.open(config);
    Bytes damaged = make_batch();
    damaged.back() ^= std::byte{1};
    REQUIRE(append(*log, damaged).error == ErrorCode::corrupt_message);
    Bytes cut = make_batch();
    cut.pop_back();
    REQUIRE(append(*log, cut).error == ErrorCode::corrupt_message);
    REQUIRE(append(*log, make_batch({.value_bytes = 600})).error == ErrorCode::message_too_large);
    REQUIRE(append(*log, make_marker(1, 0, true)).error == ErrorCode::invalid_record);
    REQUIRE(append(*log, make_batch({}, {}, 5)).error == ErrorCode::invalid_record);
    REQUIRE(log->log_end_offset() == 0);
}

TEST_CASE("An append above segment.bytes is refused") {
    World world;
    auto log = world.open(small_segments());
    REQUIRE(append(*log, make_batch({.value_bytes = 1200})).error ==
            ErrorCode::record_list_too_large);
}

TEST_CASE("Records too far from the broker's time are refused") {
    World world;
    LogConfig config;
    config.timestamp_before_max_ms = 1000;
    config.timestamp_after_max_ms = 1000;
    auto log = world.open(config);
    const std::int64_t now = world.loop.wall_now().millis;
    REQUIRE(append(*log, make_batch({.timestamp = now - 2000})).error ==
            ErrorCode::invalid_timestamp);
    REQUIRE(append(*log, make_batch({.timestamp = now + 2000})).error ==
            ErrorCode::invalid_timestamp);
    REQUIRE(append(*log, make_batch({.timestamp = now})).ok());
}

TEST_CASE("A compacted log takes no records without a key") {
    World world;
    LogConfig config;
    config.cleanup_compact = true;
    auto log = world.open(config);
    REQUIRE(append(*log, make_batch({.keyed = false})).error == ErrorCode::invalid_record);
    REQUIRE(append(*log, make_batch({.codec = kafka::Codec::zstd})).ok());
}

TEST_CASE("A repeated batch is answered with its first offset and not written") {
    World world;
    auto log = world.open();
    const Bytes batch = make_batch({.records = 2}, {5, 0, 0});
    REQUIRE(append(*log, make_batch()).ok());
    REQUIRE(append(*log, batch).first_offset == 1);
    const AppendResult again = append(*log, batch);
    REQUIRE(again.ok());
    REQUIRE(again.duplicate);
    REQUIRE(again.first_offset == 1);
    REQUIRE(again.last_offset == 2);
    REQUIRE(log->log_end_offset() == 3);
}

TEST_CASE("Appends of one turn reach the page cache with one write") {
    World world;
    auto log = world.open();
    world.settle();
    const auto before = world.files.calls().writes;
    for (int i = 0; i < 10; ++i) {
        append(*log, make_batch());
    }
    world.loop.run_until_idle();
    REQUIRE(world.files.calls().writes == before + 1);
}

TEST_CASE("One sync covers all that waited while the sync before it ran") {
    World world;
    auto log = world.open();
    append(*log, make_batch());  // begins epoch 0, which has a file of its own
    world.settle();
    std::vector<int> done;
    const auto flush = [&](int id) {
        log->flush([&done, id](const Status& status) {
            REQUIRE(status);
            done.push_back(id);
        });
    };
    append(*log, make_batch());
    flush(1);
    world.loop.run_until_idle();
    append(*log, make_batch());
    flush(2);
    append(*log, make_batch());
    flush(3);
    world.loop.run_until_idle();
    REQUIRE(done.empty());
    REQUIRE(world.disk.run_one());
    world.loop.run_until_idle();
    REQUIRE(done == std::vector<int>{1});
    REQUIRE(log->recovery_point() == 2);
    REQUIRE(world.disk.run_one());
    world.loop.run_until_idle();
    REQUIRE(done == std::vector<int>{1, 2, 3});
    REQUIRE(world.disk.waiting() == 0);
    REQUIRE(log->recovery_point() == 4);
}

TEST_CASE("After a failed sync every waiting call fails and no append is taken") {
    World world;
    auto log = world.open();
    world.settle();
    world.files.set_fault([](std::string_view operation,
                             const std::string&) -> std::optional<Error> {
        return operation == "sync" ? std::optional(Error{Errc::io_error, "broken"}) : std::nullopt;
    });
    append(*log, make_batch());
    int failed = 0;
    log->flush([&](const Status& status) { failed += status ? 0 : 1; });
    world.settle();
    REQUIRE(failed == 1);
    REQUIRE(log->failed());
    REQUIRE(world.failures.size() == 1);
    REQUIRE(append(*log, make_batch()).error == ErrorCode::kafka_storage_error);
    log->flush([&](const Status& status) { failed += status ? 0 : 1; });
    world.settle();
    REQUIRE(failed == 2);
}

TEST_CASE("A segment is rolled by size, by time and by the number of index entries") {
    World world;
    LogConfig config = small_segments();
    config.segment_ms = 100;
    config.segment_index_bytes = 24;
    auto log = world.open(config);
    SECTION("size") {
        append(*log, make_batch({.value_bytes = 500}));
        append(*log, make_batch({.value_bytes = 500}));
        REQUIRE(log->segment_count() == 2);
        REQUIRE(log->active_segment_base_offset() == 1);
    }
    SECTION("time of the records") {
        append(*log, make_batch({.timestamp = 1000}));
        append(*log, make_batch({.timestamp = 1100}));
        REQUIRE(log->segment_count() == 1);
        append(*log, make_batch({.timestamp = 1101}));
        REQUIRE(log->segment_count() == 2);
    }
    SECTION("index") {
        for (std::int64_t i = 0; i < 6; ++i) {
            append(*log, make_batch({.timestamp = 1000 + i, .value_bytes = 80}));
        }
        REQUIRE(log->segment_count() == 2);
    }
}

TEST_CASE("A read yields whole batches up to its limits") {
    World world;
    auto log = world.open(small_segments());
    const auto size = static_cast<std::uint32_t>(make_batch().size());
    for (int i = 0; i < 30; ++i) {
        append(*log, make_batch());
    }
    const auto two = log->read({4, 30, size * 2 + 5, false});
    REQUIRE(two);
    REQUIRE(two->size == size * 2);
    REQUIRE(two->base_offset == 4);
    REQUIRE(two->end_offset == 6);
    const auto bounded = log->read({4, 5, 1 << 20, false});
    REQUIRE(bounded->size == size);
    REQUIRE(log->read({4, 30, size - 1, false})->size == 0);
    REQUIRE(log->read({4, 30, size - 1, true})->size == size);
    REQUIRE(log->read({30, 30, 100, true})->size == 0);
    REQUIRE(log->read({31, 40, 100, true}).error().code == Errc::not_found);
}

TEST_CASE("Every offset of a log of many segments can be read from") {
    World world;
    auto log = world.open(small_segments());
    for (int i = 0; i < 50; ++i) {
        append(*log, make_batch({.records = 1 + i % 3}));
    }
    REQUIRE(log->segment_count() > 3);
    for (std::int64_t offset = 0; offset < log->log_end_offset(); ++offset) {
        const auto read = log->read({offset, log->log_end_offset(), 1, true});
        REQUIRE(read);
        Bytes bytes(read->size);
        REQUIRE(*read->file->read_at(read->position, bytes) == bytes.size());
        const auto header = parse_batch_header(bytes);
        REQUIRE(header);
        REQUIRE(header->base_offset <= offset);
        REQUIRE(header->last_offset() >= offset);
        REQUIRE(header->size == read->size);
    }
}

TEST_CASE("A file that was read stays readable after its segment was deleted") {
    World world;
    LogConfig config = small_segments();
    config.retention_ms = -1;
    config.retention_bytes = 0;
    auto log = world.open(config);
    for (int i = 0; i < 30; ++i) {
        append(*log, make_batch());
    }
    const auto read = log->read({0, 30, 100, true});
    log->set_high_watermark(30);
    REQUIRE(*log->apply_retention());
    log->invariants();
    world.loop.advance(61s);
    world.settle();
    REQUIRE(log->log_start_offset() > 0);
    Bytes bytes(read->size);
    REQUIRE(*read->file->read_at(read->position, bytes) == bytes.size());
    REQUIRE(batch_checksum_ok(bytes));
    REQUIRE_FALSE(world.files.exists("/logs/t-0/00000000000000000000.log.deleted"));
}

TEST_CASE("A timestamp finds the first record at or above it, inside of compressed batches too") {
    World world;
    auto log = world.open(small_segments());
    for (std::int64_t i = 0; i < 40; ++i) {
        append(*log,
               make_batch({.records = 5, .timestamp = 1000 + 10 * i, .codec = kafka::Codec::lz4}));
    }
    for (std::int64_t i = 0; i < 40; ++i) {
        const auto found = log->offset_for_timestamp(1000 + 10 * i + 3, kNoLimit);
        REQUIRE(found);
        REQUIRE(*found);
        REQUIRE((*found)->offset == 5 * i + 3);
        REQUIRE((*found)->timestamp == 1003 + 10 * i);
    }
    REQUIRE((*log->offset_for_timestamp(1007, kNoLimit))->offset == 5);
    REQUIRE_FALSE(log->offset_for_timestamp(9999, kNoLimit)->has_value());
    REQUIRE_FALSE(log->offset_for_timestamp(1390, 195)->has_value());
    REQUIRE((*log->offset_of_max_timestamp())->offset == 199);
}

TEST_CASE("The record with the largest timestamp is found where it lies, not at the end") {
    World world;
    auto log = world.open();
    append(*log, make_batch({.timestamp = 1000}));
    append(*log, make_batch({.records = 2, .timestamp = 5000}));
    append(*log, make_batch({.timestamp = 2000}));
    const auto found = log->offset_of_max_timestamp();
    REQUIRE((*found)->offset == 2);
    REQUIRE((*found)->timestamp == 5001);
}

TEST_CASE("The stable offset stands at an open transaction, and an abort is listed") {
    World world;
    auto log = world.open();
    append(*log, make_batch({.records = 2}, {9, 0, 0, true}));
    append(*log, make_batch());
    log->set_high_watermark(3);
    REQUIRE(log->last_stable_offset() == 0);
    append(*log, make_marker(9, 0, false), 0, AppendOrigin::coordinator);
    log->set_high_watermark(4);
    REQUIRE(log->last_stable_offset() == 4);
    const auto aborted = log->aborted_transactions(0, 4);
    REQUIRE(aborted->size() == 1);
    REQUIRE(aborted->front().producer_id == 9);
    REQUIRE(aborted->front().first_offset == 0);
    REQUIRE(log->aborted_transactions(4, 5)->empty());
}

TEST_CASE("Truncation cuts at a batch and forgets what was above") {
    World world;
    auto log = world.open(small_segments());
    for (int i = 0; i < 30; ++i) {
        append(*log, make_batch({}, {5, 0, i}), i / 10);
    }
    world.settle();
    bool cut = false;
    append(*log, make_batch({}, {5, 0, 30}), 2);
    log->flush(
        [&](const Status& status) { cut = !status && status.error().code == Errc::conflict; });
    REQUIRE(log->truncate_to(15));
    log->invariants();
    world.settle();
    REQUIRE(cut);
    REQUIRE(log->log_end_offset() == 15);
    REQUIRE(log->latest_epoch() == 1);
    REQUIRE(read_all(world, *log, 0).size() == 15 * make_batch().size());
    REQUIRE(append(*log, make_batch({}, {5, 0, 16}), 3).error ==
            ErrorCode::out_of_order_sequence_number);
    REQUIRE(append(*log, make_batch({}, {5, 0, 15}), 3).first_offset == 15);
}

TEST_CASE("A log that starts anew at an offset is empty there") {
    World world;
    auto log = world.open(small_segments());
    for (int i = 0; i < 30; ++i) {
        append(*log, make_batch());
    }
    REQUIRE(log->truncate_fully_and_start_at(1000));
    log->invariants();
    REQUIRE(log->log_start_offset() == 1000);
    REQUIRE(append(*log, make_batch()).first_offset == 1000);
    world.settle();
}

TEST_CASE("A follower takes gaps, skips what it has and refuses overlaps") {
    World world;
    auto log = world.open();
    REQUIRE(log->append_as_follower(make_batch({.records = 3}, {}, 5)).ok());
    log->invariants();
    REQUIRE(log->log_end_offset() == 8);
    REQUIRE(log->append_as_follower(make_batch({.records = 3}, {}, 5)).duplicate);
    REQUIRE(log->append_as_follower(make_batch({.records = 3}, {}, 6)).error ==
            ErrorCode::offset_out_of_range);
    REQUIRE(log->append_as_follower(make_batch({}, {}, 20)).ok());
    REQUIRE(log->read({8, 21, 100, true})->base_offset <= 20);
    REQUIRE(log->read({8, 21, 100, true})->size > 0);
}

TEST_CASE("Deleted records move the log start and their segments go") {
    World world;
    LogConfig config = small_segments();
    config.retention_ms = -1;
    auto log = world.open(config);
    for (int i = 0; i < 30; ++i) {
        append(*log, make_batch());
    }
    REQUIRE(log->advance_log_start_offset(5).error().code == Errc::invalid_argument);
    log->set_high_watermark(30);
    REQUIRE(log->advance_log_start_offset(25));
    log->invariants();
    REQUIRE(log->read({24, 30, 100, true}).error().code == Errc::not_found);
    REQUIRE(*log->apply_retention());
    log->invariants();
    REQUIRE(log->log_start_offset() == 25);
    REQUIRE(log->first_segment_base_offset() > 0);
    world.settle();
}

TEST_CASE("flush.messages syncs without being asked") {
    World world;
    LogConfig config;
    config.flush_messages = 3;
    auto log = world.open(config);
    append(*log, make_batch());
    append(*log, make_batch());
    world.settle();
    REQUIRE(log->recovery_point() == 0);
    append(*log, make_batch());
    world.settle();
    REQUIRE(log->recovery_point() == 3);
}

TEST_CASE("flush.ms syncs what waited so long") {
    World world;
    LogConfig config;
    config.flush_ms = 1000;
    auto log = world.open(config);
    append(*log, make_batch());
    world.loop.advance(500ms);
    log->flush_when_due();
    world.settle();
    REQUIRE(log->recovery_point() == 0);
    world.loop.advance(600ms);
    log->flush_when_due();
    world.settle();
    REQUIRE(log->recovery_point() == 1);
}
