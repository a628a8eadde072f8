// One entry of log.dirs.
#include "broker/log/log_directory.h"

#include "broker_log_fixture.h"

using namespace millrace;
using namespace millrace::broker::log;
using namespace millrace::broker::log::testing;

namespace {

LogDirectoryOptions options(std::vector<std::string>* offline = nullptr) {
    LogDirectoryOptions with;
    with.path = "/logs";
    with.config_of = [](const std::string&) { return LogConfig{}; };
    with.on_offline = [offline](const Error& error) {
        if (offline != nullptr) {
            offline->push_back(error.message);
        }
    };
    return with;
}

std::unique_ptr<LogDirectory> open(World& world, LogDirectoryOptions with = options()) {
    auto directory = LogDirectory::open(world.runtime, std::move(with));
    if (!directory) {
        FAIL(directory.error().to_string());
    }
    (*directory)->invariants();
    return std::move(*directory);
}

std::string text_of(World& world, const std::string& name) {
    return to_text(world.files.contents("/logs/" + name));
}

}  // namespace

TEST_CASE("A partition whose folder would lie elsewhere is refused") {
    World world;
    auto directory = open(world);
    for (const TopicPartition& partition : std::vector<TopicPartition>{{"../t", 0},
                                                                       {"/tmp/t", 0},
                                                                       {"a/b", 0},
                                                                       {"", 0},
                                                                       {"..", 0},
                                                                       {std::string(250, 'a'), 0},
                                                                       {"t", -1}}) {
        REQUIRE(directory->create(partition, std::nullopt).error().code == Errc::invalid_argument);
    }
    REQUIRE(directory->all().empty());
    REQUIRE(directory->create({std::string(249, 'a'), 0}, std::nullopt));
}

TEST_CASE("An orderly end leaves a marker that the next start takes away") {
    World world;
    {
        auto directory = open(world);
        REQUIRE_FALSE(directory->was_clean());
        PartitionLog* log = *directory->create({"t", 0}, std::nullopt);
        REQUIRE(append(*log, make_batch({.records = 4})).ok());
        log->set_high_watermark(3);
        world.settle();
        REQUIRE(directory->close());
    }
    REQUIRE(text_of(world, "recovery-point-offset-checkpoint") == "0\n1\nt 0 4\n");
    REQUIRE(text_of(world, "replication-offset-checkpoint") == "0\n1\nt 0 3\n");
    REQUIRE(text_of(world, "log-start-offset-checkpoint") == "0\n0\n");
    REQUIRE(world.files.exists("/logs/.kafka_cleanshutdown"));
    auto directory = open(world);
    REQUIRE(directory->was_clean());
    REQUIRE_FALSE(world.files.exists("/logs/.kafka_cleanshutdown"));
    REQUIRE(directory->find({"t", 0})->log_end_offset() == 4);
    REQUIRE(directory->find({"t", 0})->high_watermark() == 3);
}

TEST_CASE("A directory that is in use is refused") {
    World world;
    auto directory = open(world);
    const auto second = LogDirectory::open(world.runtime, options());
    REQUIRE_FALSE(second);
    REQUIRE(second.error().code == Errc::busy);
}

TEST_CASE("meta.properties is written once and guards against a wrong broker") {
    World world;
    auto directory = open(world);
    REQUIRE(directory->set_meta(3, "cluster"));
    REQUIRE(directory->set_meta(3, "cluster"));
    REQUIRE(directory->set_meta(4, "cluster").error().code == Errc::conflict);
    REQUIRE(directory->set_meta(3, "other").error().code == Errc::conflict);
    directory.reset();
    REQUIRE(open(world)->meta().broker_id == 3);
}

TEST_CASE("A deleted partition is renamed at once and removed later") {
    World world;
    auto directory = open(world);
    directory->start();
    PartitionLog* log = *directory->create({"t", 0}, std::nullopt);
    append(*log, make_batch());
    Errc why{};
    log->flush([&](const Status& status) { why = status ? Errc{} : status.error().code; });
    REQUIRE(directory->remove({"t", 0}));
    REQUIRE(directory->find({"t", 0}) == nullptr);
    REQUIRE_FALSE(world.files.exists("/logs/t-0"));
    world.loop.run_until_idle();
    REQUIRE(why == Errc::not_found);
    const auto folders = [&] {
        std::size_t count = 0;
        for (const auto& entry : *world.files.list("/logs")) {
            count += entry.is_directory ? 1 : 0;
        }
        return count;
    };
    REQUIRE(folders() == 1);
    world.loop.advance(61s);
    world.settle();
    REQUIRE(folders() == 0);
    REQUIRE(directory->create({"t", 0}, std::nullopt));
    REQUIRE(directory->online());
}

TEST_CASE("A folder left by an unfinished deletion is removed") {
    World world;
    world.files.put("/logs/t-0.0123456789abcdef0123456789abcdef-delete/x", Bytes(1));
    auto directory = open(world);
    REQUIRE(directory->all().empty());
    directory->start();
    world.loop.advance(31s);
    world.settle();
    REQUIRE_FALSE(world.files.exists("/logs/t-0.0123456789abcdef0123456789abcdef-delete"));
}

TEST_CASE("Checkpoints are written by the clock, and only when they changed") {
    World world;
    auto directory = open(world);
    directory->start();
    PartitionLog* log = *directory->create({"t", 0}, std::nullopt);
    append(*log, make_batch());
    log->flush([&](const Status&) { log->set_high_watermark(1); });
    world.settle();
    world.loop.advance(6s);
    world.settle();
    REQUIRE(text_of(world, "replication-offset-checkpoint") == "0\n1\nt 0 1\n");
    world.loop.advance(30s);
    world.settle();
    REQUIRE(text_of(world, "recovery-point-offset-checkpoint") == "0\n1\nt 0 1\n");
    const auto writes = world.files.calls().writes;
    world.loop.advance(120s);
    world.settle();
    REQUIRE(world.files.calls().writes == writes);
}

TEST_CASE("How long idle producers are remembered can change") {
    World world;
    auto directory = open(world);
    directory->start();
    PartitionLog* log = *directory->create({"t", 0}, std::nullopt);
    append(*log, make_batch({.timestamp = world.loop.wall_now().millis},
                            {.id = 7, .epoch = 0, .sequence = 0}));
    world.loop.advance(400s);
    REQUIRE(log->active_producers().size() == 1);
    directory->set_producer_id_expiration(1000);
    world.loop.advance(400s);
    REQUIRE(log->active_producers().empty());
}

TEST_CASE("A failed sync takes the directory offline, once") {
    World world;
    std::vector<std::string> offline;
    auto directory = open(world, options(&offline));
    PartitionLog* first = *directory->create({"a", 0}, std::nullopt);
    PartitionLog* second = *directory->create({"b", 0}, std::nullopt);
    world.settle();
    world.files.set_fault([](std::string_view operation,
                             const std::string&) -> std::optional<Error> {
        return operation == "sync" ? std::optional(Error{Errc::io_error, "broken"}) : std::nullopt;
    });
    for (PartitionLog* log : {first, second}) {
        append(*log, make_batch());
        log->flush([](const Status&) {});
    }
    world.settle();
    REQUIRE(offline.size() == 1);
    REQUIRE_FALSE(directory->online());
    REQUIRE_FALSE(directory->close());
    REQUIRE_FALSE(world.files.exists("/logs/.kafka_cleanshutdown"));
}

TEST_CASE("Flushed records of many partitions are there after a crash") {
    World world;
    {
        auto directory = open(world);
        for (std::int32_t i = 0; i < 20; ++i) {
            PartitionLog* log = *directory->create({"t", i}, std::nullopt);
            append(*log, make_batch({.records = i + 1}));
            log->flush([](const Status& status) { REQUIRE(status); });
        }
        world.settle();
    }
    world.files.crash();
    auto directory = open(world);
    REQUIRE_FALSE(directory->was_clean());
    REQUIRE(directory->all().size() == 20);
    for (std::int32_t i = 0; i < 20; ++i) {
        REQUIRE(directory->find({"t", i})->log_end_offset() == i + 1);
    }
}

TEST_CASE("The topic id is kept beside the log and guards it") {
    World world;
    const kafka::Uuid id = kafka::Uuid::make(world.loop.random());
    auto directory = open(world);
    PartitionLog* log = *directory->create({"t", 0}, id);
    REQUIRE(log->set_topic_id(id));
    REQUIRE(log->set_topic_id(kafka::Uuid::make(world.loop.random())).error().code ==
            Errc::conflict);
    world.settle();
    REQUIRE(directory->close());
    directory.reset();
    REQUIRE(open(world)->find({"t", 0})->topic_id() == id);
}
