// What a log makes of its folder after an orderly end, a crash, and damage.
#include "broker/log/batch_header.h"
#include "broker_log_fixture.h"

using namespace millrace;
using namespace millrace::broker::log;
using namespace millrace::broker::log::testing;

namespace {

const std::string kFolder = "/logs/t-0/";

LogConfig small_segments() {
    LogConfig config;
    config.segment_bytes = 1000;
    config.index_interval_bytes = 200;
    return config;
}

void fill(PartitionLog& log, int batches) {
    for (int i = 0; i < batches; ++i) {
        REQUIRE(append(log, make_batch({.timestamp = 1000 + i})).ok());
    }
}

// Files that Java wrote, as they lie after an orderly end.
void put_golden(World& world) {
    for (const char* name :
         {"00000000000000000000.log", "00000000000000000000.index",
          "00000000000000000000.timeindex", "00000000000000000010.log",
          "00000000000000000010.index", "00000000000000000010.timeindex",
          "00000000000000000010.snapshot", "00000000000000000020.log", "00000000000000000020.index",
          "00000000000000000020.timeindex", "00000000000000000020.snapshot",
          "00000000000000000030.snapshot", "leader-epoch-checkpoint", "partition.metadata"}) {
        world.files.put(kFolder + name, golden(std::string("idx.") + name));
    }
}

void append_bytes(World& world, const std::string& name, BytesView more) {
    Bytes bytes = world.files.contents(kFolder + name);
    bytes.insert(bytes.end(), more.begin(), more.end());
    world.files.put(kFolder + name, bytes);
}

}  // namespace

TEST_CASE("A folder that a Java broker closed is opened as it is") {
    World world;
    put_golden(world);
    auto log =
        world.open(small_segments(), {.clean = true, .recovery_point = 30, .high_watermark = 30});
    REQUIRE(log->log_end_offset() == 30);
    REQUIRE(log->high_watermark() == 30);
    REQUIRE(log->segment_count() == 3);
    REQUIRE(log->latest_epoch() == 0);
    REQUIRE(log->topic_id());
    REQUIRE(log->active_producers().size() == 1);
    REQUIRE(log->active_producers().front().last_sequence == 29);
    REQUIRE(read_all(world, *log, 0).size() == 3 * 980);
}

TEST_CASE("A folder that a Java broker left at a crash is recovered from the recovery point") {
    World world;
    put_golden(world);
    // The indexes of the active segment are as large as they were made, with zeros behind the entries.
    append_bytes(world, "00000000000000000020.index", Bytes(1 << 20));
    append_bytes(world, "00000000000000000020.timeindex", Bytes(12 << 10));
    append_bytes(world, "00000000000000000020.log", Bytes(50, std::byte{7}));
    auto log = world.open(small_segments(), {.recovery_point = 20, .high_watermark = 25});
    REQUIRE(log->log_end_offset() == 30);
    REQUIRE(log->high_watermark() == 25);
    REQUIRE(log->recovery_point() == 30);
    world.settle();
    REQUIRE(log->close());
    for (const char* name : {"00000000000000000020.log", "00000000000000000020.index",
                             "00000000000000000020.timeindex", "00000000000000000030.snapshot"}) {
        INFO(name);
        REQUIRE(to_hex(world.files.contents(kFolder + name)) ==
                to_hex(golden(std::string("idx.") + name)));
    }
}

TEST_CASE("Zeros behind the entries of an index are noticed though the marker says clean") {
    World world;
    put_golden(world);
    append_bytes(world, "00000000000000000000.index", Bytes(800));
    auto log = world.open(small_segments(), {.clean = true, .recovery_point = 30});
    REQUIRE(log->read({7, 30, 10, true})->base_offset <= 7);
    log->set_high_watermark(30);
    REQUIRE(to_hex(world.files.contents(kFolder + "00000000000000000000.index")) ==
            to_hex(golden("idx.00000000000000000000.index")));
}

TEST_CASE("A damaged batch in the middle cuts the log there and drops later segments") {
    World world;
    put_golden(world);
    Bytes bytes = golden("idx.00000000000000000010.log");
    bytes[500] ^= std::byte{1};
    world.files.put(kFolder + "00000000000000000010.log", bytes);
    auto log = world.open(small_segments(), {.recovery_point = 0});
    REQUIRE(log->log_end_offset() > 10);
    REQUIRE(log->log_end_offset() < 20);
    REQUIRE(log->segment_count() == 2);
    REQUIRE(world.files.exists(kFolder + "00000000000000000020.log.deleted"));
    REQUIRE(log->active_producers().front().last_sequence == log->log_end_offset() - 1);
    REQUIRE(append(*log, make_batch()).first_offset == log->log_end_offset() - 1);
}

TEST_CASE("Damage below the recovery point is not looked for") {
    World world;
    put_golden(world);
    Bytes bytes = golden("idx.00000000000000000000.log");
    bytes[500] ^= std::byte{1};
    world.files.put(kFolder + "00000000000000000000.log", bytes);
    auto log = world.open(small_segments(), {.recovery_point = 25});
    REQUIRE(log->log_end_offset() == 30);
}

TEST_CASE("Missing indexes are built again") {
    World world;
    put_golden(world);
    REQUIRE(world.files.remove(kFolder + "00000000000000000010.index"));
    REQUIRE(world.files.remove(kFolder + "00000000000000000010.timeindex"));
    auto log = world.open(small_segments(), {.clean = true, .recovery_point = 30});
    REQUIRE(log->read({17, 30, 10, true})->size > 0);
    REQUIRE(to_hex(world.files.contents(kFolder + "00000000000000000010.index")) ==
            to_hex(golden("idx.00000000000000000010.index")));
    REQUIRE(to_hex(world.files.contents(kFolder + "00000000000000000010.timeindex")) ==
            to_hex(golden("idx.00000000000000000010.timeindex")));
}

TEST_CASE("Leftovers of deletions and unfinished cleanings go, orphaned indexes too") {
    World world;
    put_golden(world);
    world.files.put(kFolder + "00000000000000000003.log.deleted", Bytes(5));
    world.files.put(kFolder + "00000000000000000010.log.cleaned", Bytes(5));
    world.files.put(kFolder + "00000000000000000044.index", Bytes(8));
    auto log = world.open(small_segments(), {.clean = true, .recovery_point = 30});
    REQUIRE_FALSE(world.files.exists(kFolder + "00000000000000000003.log.deleted"));
    REQUIRE_FALSE(world.files.exists(kFolder + "00000000000000000010.log.cleaned"));
    REQUIRE_FALSE(world.files.exists(kFolder + "00000000000000000044.index"));
    REQUIRE(log->log_end_offset() == 30);
}

TEST_CASE("A finished cleaning is put in the place of the segments it covers") {
    World world;
    put_golden(world);
    // One cleaned segment that holds the first batch of 0 and the whole of 10.
    Bytes merged = golden("idx.00000000000000000000.log");
    merged.resize(parse_batch_header(merged)->size);
    const Bytes second = golden("idx.00000000000000000010.log");
    merged.insert(merged.end(), second.begin(), second.end());
    world.files.put(kFolder + "00000000000000000000.log.swap", merged);
    world.files.put(kFolder + "00000000000000000000.index.swap", Bytes{});
    auto log = world.open(small_segments(), {.clean = true, .recovery_point = 30});
    REQUIRE(log->segment_count() == 2);
    REQUIRE(log->log_end_offset() == 30);
    REQUIRE(read_all(world, *log, 0).size() == merged.size() + 980);
}

TEST_CASE("A log that ends below its checkpointed start begins anew at the start") {
    World world;
    put_golden(world);
    auto log = world.open(small_segments(), {.recovery_point = 0, .log_start_offset = 40});
    REQUIRE(log->log_start_offset() == 40);
    REQUIRE(log->log_end_offset() == 40);
    world.settle();
}

TEST_CASE("A last segment whose batches belong before it is emptied") {
    World world;
    world.files.put(kFolder + "00000000000000000000.log", make_batch({.records = 3}));
    world.files.put(kFolder + "00000000000000000010.log", make_batch({.records = 3}));
    auto log = world.open({}, {.clean = true, .recovery_point = 13});
    log->invariants();
    REQUIRE(log->log_end_offset() == 10);
    world.settle();
}

TEST_CASE("A snapshot of producers without a segment is removed") {
    World world;
    world.files.put(kFolder + "00000000000000000010.snapshot", Bytes(56));
    auto log = world.open();
    log->invariants();
    REQUIRE(log->log_end_offset() == 0);
    REQUIRE_FALSE(world.files.exists(kFolder + "00000000000000000010.snapshot"));
    world.settle();
}

TEST_CASE("A broken producer snapshot is given up for the one before") {
    World world;
    put_golden(world);
    world.files.put(kFolder + "00000000000000000030.snapshot", Bytes(56));
    auto log = world.open(small_segments(), {.clean = true, .recovery_point = 30});
    REQUIRE(log->active_producers().front().last_sequence == 29);
}

TEST_CASE("A snapshot that knows of later batches is given up for the one before") {
    World world;
    put_golden(world);
    world.files.put(kFolder + "00000000000000000020.snapshot",
                    world.files.contents(kFolder + "00000000000000000030.snapshot"));
    REQUIRE(world.files.remove(kFolder + "00000000000000000030.snapshot"));
    auto log = world.open(small_segments(), {.clean = true, .recovery_point = 30});
    log->invariants();
    REQUIRE(log->active_producers().front().last_sequence == 29);
    REQUIRE_FALSE(world.files.exists(kFolder + "00000000000000000020.snapshot"));
}

TEST_CASE("What was closed is the same when opened again") {
    World world;
    {
        auto log = world.open(small_segments());
        fill(*log, 40);
        log->set_high_watermark(33);
        world.settle();
        REQUIRE(log->close());
    }
    auto log =
        world.open(small_segments(), {.clean = true, .recovery_point = 40, .high_watermark = 33});
    REQUIRE(log->log_end_offset() == 40);
    REQUIRE(log->high_watermark() == 33);
    REQUIRE((*log->offset_for_timestamp(1025, kNoLimit))->offset == 25);
    fill(*log, 1);
    REQUIRE(log->log_end_offset() == 41);
}

TEST_CASE("What a process that died has written is on the disk before it is shown") {
    World world;
    {
        auto log = world.open(small_segments());
        fill(*log, 30);
        world.loop.run_until_idle();
        REQUIRE(log->recovery_point() == 0);
    }
    world.open_files.forget_folder("/logs/t-0");
    REQUIRE(world.open(small_segments())->log_end_offset() == 30);
    world.crash();
    REQUIRE(world.open(small_segments())->log_end_offset() == 30);
}

TEST_CASE(
    "A segment that lost its end to a power failure is the last one, unless the log is compacted") {
    World world;
    LogConfig config = small_segments();
    {
        auto log = world.open(config);
        fill(*log, 30);
        world.settle();
    }
    world.open_files.forget_folder("/logs/t-0");
    std::vector<std::string> logs;
    for (const auto& entry : *world.files.list("/logs/t-0")) {
        if (entry.name.ends_with(".log")) {
            logs.push_back(entry.name);
        }
    }
    REQUIRE(logs.size() > 2);
    const std::int64_t second = std::stoll(logs[1]);
    Bytes shorter = world.files.contents(kFolder + logs[0]);
    const std::size_t batch = make_batch().size();
    REQUIRE(shorter.size() == static_cast<std::size_t>(second) * batch);
    shorter.resize(shorter.size() - batch);
    world.files.put(kFolder + logs[0], shorter);

    config.cleanup_compact = GENERATE(false, true);
    const std::int64_t recovery_point = GENERATE(0, 30);
    auto log = world.open(config, {.recovery_point = recovery_point});
    const bool cut = !config.cleanup_compact && recovery_point == 0;
    REQUIRE(log->log_end_offset() == (cut ? second - 1 : 30));
    REQUIRE(append(*log, make_batch()).first_offset == log->log_end_offset() - 1);
}

TEST_CASE("An aborted transaction is listed again after a crash") {
    World world;
    std::int64_t recovery_point = 0;
    {
        auto log = world.open();
        append(*log, make_batch({.records = 2}, {9, 0, 0, true}));
        append(*log, make_marker(9, 0, false), 0, AppendOrigin::coordinator);
        log->flush([](const Status&) {});
        world.settle();
        recovery_point = log->recovery_point();
    }
    world.crash();
    auto log = world.open({}, {.recovery_point = recovery_point, .high_watermark = 3});
    REQUIRE(log->log_end_offset() == 3);
    REQUIRE(log->aborted_transactions(0, 3)->size() == 1);
    REQUIRE(log->last_stable_offset() == 3);
}

// Random appends, flushes, truncations and crashes: what a flush covered is there afterwards, byte for byte.
TEST_CASE("Whatever was flushed survives any crash") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        Random random(seed);
        World world;
        LogConfig config = small_segments();
        Bytes flushed;  // all bytes known to be durable
        std::int64_t flushed_end = 0;
        std::int64_t checkpoint = 0;  // a recovery point that was written some time ago
        auto log = world.open(config);
        for (int life = 0; life < 4; ++life) {
            for (int step = 0; step < 40; ++step) {
                const auto what = random.below(10);
                if (what < 7) {
                    Content content{.records = static_cast<int>(1 + random.below(4)),
                                    .timestamp = 1000 + step,
                                    .value_bytes = random.below(120)};
                    REQUIRE(append(*log, make_batch(content)).ok());
                } else if (what < 9) {
                    const std::int64_t end = log->log_end_offset();
                    Bytes all = read_all(world, *log, 0);
                    log->flush([&, end, all](const Status& status) {
                        REQUIRE(status);
                        if (end > flushed_end) {
                            flushed = all;
                            flushed_end = end;
                        }
                    });
                    if (random.chance(0.7)) {
                        world.settle();
                    }
                } else {
                    checkpoint = log->recovery_point();
                }
                log->invariants();
            }
            log.reset();
            world.crash();
            const std::string active = kFolder + "00000000000000000000.log";
            if (random.chance(0.5) && world.files.exists(active)) {
                Bytes torn(random.below(200), std::byte{0x5a});
                const auto entries = world.files.list("/logs/t-0");
                std::string last;
                for (const auto& entry : *entries) {
                    last = entry.name.ends_with(".log") ? entry.name : last;
                }
                append_bytes(world, last, torn);
            }
            log = world.open(config, {.recovery_point = checkpoint});
            REQUIRE(log->log_end_offset() >= flushed_end);
            const Bytes all = read_all(world, *log, 0);
            REQUIRE(all.size() >= flushed.size());
            REQUIRE(std::equal(flushed.begin(), flushed.end(), all.begin()));
            checkpoint = std::min(checkpoint, log->log_end_offset());
            for (std::int64_t offset = 0; offset < log->log_end_offset(); offset += 3) {
                const auto read = log->read({offset, log->log_end_offset(), 1, true});
                REQUIRE(read);
                REQUIRE(read->base_offset <= offset);
                REQUIRE(read->end_offset > offset);
            }
        }
    }
}
