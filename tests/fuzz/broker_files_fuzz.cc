// Bytes of a log directory. The first byte chooses: the folder of a partition, what a client or a leader appends, a checkpoint,
// leader epochs, partition.metadata, meta.properties, a producer snapshot, names of files.
// Checksums are set right before the bytes are read, so that inputs get behind them.
#include "broker/log/checkpoints.h"
#include "broker/log/file_names.h"
#include "broker/log/open_files.h"
#include "broker/log/partition_log.h"
#include "broker/log/producer_state.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/kafka/record.h"
#include "lib/wire/crc32c.h"
#include "lib/wire/writer.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"

namespace millrace::broker::log {
namespace {

const std::string kFolder = "/logs/t-0";

struct World {
    testing::MemoryFileSystem files;
    testing::ManualLoop loop;
    testing::ManualDiskPool disk{loop};
    OpenFiles open_files{files, 64};
    bool failed = false;

    Result<std::unique_ptr<PartitionLog>> open(const LoadHints& hints) {
        LogConfig config;
        config.segment_bytes = 4096;
        config.index_interval_bytes = 128;
        return PartitionLog::open({loop, files, disk, runtime::DiskLane{0}, open_files,
                                   [this](const Error&) { failed = true; }},
                                  {"t", 0}, kFolder, config, hints);
    }
};

void patch_checksum(std::span<std::byte> bytes, std::size_t at, std::size_t covered_from) {
    const std::uint32_t checksum = wire::crc32c(bytes.subspan(covered_from));
    for (std::size_t i = 0; i < 4; ++i) {
        bytes[at + i] = static_cast<std::byte>(checksum >> (24 - 8 * i) & 0xff);
    }
}

// Sets the checksums of the batches from the start on, as far as batches follow one another.
Bytes with_checksums(BytesView bytes) {
    constexpr std::size_t kChecksumAt = 17;
    Bytes out(bytes.begin(), bytes.end());
    std::span<std::byte> rest(out);
    for (;;) {
        const auto header = parse_batch_header(rest);
        if (!header || header->magic != 2 || header->size > rest.size()) {
            return out;
        }
        patch_checksum(rest.first(header->size), kChecksumAt, kCrcCoveredFrom);
        rest = rest.subspan(header->size);
    }
}

Bytes snapshot_with_checksum(BytesView bytes) {
    constexpr std::size_t kCoveredFrom = 6;
    Bytes out(bytes.begin(), bytes.end());
    if (out.size() > kCoveredFrom) {
        patch_checksum(out, 2, kCoveredFrom);
    }
    return out;
}

void read_everything(World& world, PartitionLog& log) {
    const LogConfig& config = log.config();
    for (std::int64_t offset = log.log_start_offset(); offset < log.log_end_offset();) {
        const auto read = log.read({offset, log.log_end_offset(), 1 << 20, true});
        if (!read || read->size == 0) {
            break;
        }
        CHECK(read->end_offset > offset, "a read that does not move on");
        offset = read->end_offset;
    }
    (void)log.aborted_transactions(log.log_start_offset(), log.log_end_offset());
    (void)log.offset_for_timestamp(1000, log.log_end_offset());
    (void)log.offset_of_max_timestamp();
    (void)log.active_producers();
    (void)log.apply_retention();
    CHECK(config.segment_bytes > 0);
    world.disk.run_until_idle();
}

Bytes one_batch(std::int64_t timestamp) {
    kafka::RecordBatchBuilder builder(kafka::BatchOptions{});
    builder.add({.timestamp = timestamp, .key = {}, .value = as_bytes("v"), .headers = {}});
    return builder.build();
}

// An opened log takes an append, keeps its order, and is found again with the same end.
void check_log(World& world, std::unique_ptr<PartitionLog> log) {
    log->invariants();
    read_everything(world, *log);
    log->invariants();
    const AppendResult appended = log->append_as_leader({one_batch(2000), log->latest_epoch() + 1});
    log->invariants();
    if (world.failed || !appended.ok() || !log->close()) {
        return;
    }
    const std::int64_t end = log->log_end_offset();
    const std::int64_t start = log->log_start_offset();
    log.reset();
    world.open_files.forget_folder(kFolder);
    const auto again = world.open({true, end, start, end});
    CHECK(again && (*again)->log_end_offset() == end, "an orderly end loses nothing");
    (*again)->invariants();
}

void check_folder(fuzz::Input& input) {
    World world;
    const bool clean = input.choice(2) == 1;
    const auto point = static_cast<std::int64_t>(input.byte());
    const std::array<std::string, 10> names = {
        "00000000000000000000.log",       "00000000000000000000.index",
        "00000000000000000000.timeindex", "00000000000000000000.txnindex",
        "00000000000000000010.log",       "00000000000000000010.snapshot",
        "leader-epoch-checkpoint",        "partition.metadata",
        "00000000000000000010.log.swap",  "00000000000000000010.index"};
    CHECK(world.files.make_directories(kFolder));
    for (std::size_t i = 0; i < names.size() && !input.empty(); ++i) {
        const std::string& name = names[input.choice(names.size())];
        const BytesView bytes = input.piece();
        const Bytes content =
            name.ends_with("snapshot") ? snapshot_with_checksum(bytes) : with_checksums(bytes);
        world.files.put(kFolder + "/" + name, content);
    }
    auto log = world.open({clean, point, 0, point});
    if (log) {
        check_log(world, std::move(*log));
    }
}

void check_append(fuzz::Input& input) {
    World world;
    auto log = world.open({});
    CHECK(log.has_value());
    (*log)->begin_leader_epoch(0);
    while (!input.empty()) {
        const std::size_t how = input.choice(3);
        const Bytes records = with_checksums(input.piece());
        const std::int64_t before = (*log)->log_end_offset();
        const AppendResult result =
            how == 0   ? (*log)->append_as_leader({records, 0})
            : how == 1 ? (*log)->append_as_leader({records, 0, AppendOrigin::coordinator})
                       : (*log)->append_as_follower(records);
        (*log)->invariants();
        const bool grew = (*log)->log_end_offset() > before;
        CHECK(result.ok() || !grew, "a refused append leaves nothing behind");
        world.disk.run_until_idle();
    }
    CHECK(!world.failed, "the disk never refused");
    check_log(world, std::move(*log));
}

void check_checkpoint(std::string_view text) {
    const fuzz::MemoryMeter meter;
    const Result<OffsetCheckpoint> offsets = decode_offset_checkpoint(text);
    // Each word of a line is a string of its own before the lines are counted.
    meter.check(text.size(), 160);
    CHECK(!offsets ||
          fuzz::holds(decode_offset_checkpoint(encode_offset_checkpoint(*offsets)), *offsets));
}

void check_epochs(std::string_view text) {
    const Result<LeaderEpochs> epochs = decode_leader_epochs(text);
    if (epochs) {
        epochs->invariants();
        const Result<LeaderEpochs> copy = decode_leader_epochs(encode_leader_epochs(*epochs));
        CHECK(copy && copy->entries() == epochs->entries());
        (void)epochs->end_of(3, 100);
    }
}

void check_identity(std::string_view text, bool of_directory) {
    if (!of_directory) {
        const Result<kafka::Uuid> id = decode_partition_metadata(text);
        CHECK(!id || fuzz::holds(decode_partition_metadata(encode_partition_metadata(*id)), *id));
        return;
    }
    const Result<MetaProperties> meta = decode_meta_properties(text);
    if (meta) {
        const Result<MetaProperties> copy = decode_meta_properties(encode_meta_properties(*meta));
        CHECK(copy && copy->broker_id == meta->broker_id);
    }
}

void check_snapshot(BytesView bytes) {
    const Bytes content = snapshot_with_checksum(bytes);
    const Result<ProducerState> state = decode_producer_snapshot(content);
    if (state) {
        state->invariants();
        const Result<ProducerState> copy =
            decode_producer_snapshot(encode_producer_snapshot(*state));
        CHECK(copy && copy->producers() == state->producers());
    }
}

void check_names(std::string_view name) {
    if (const auto file = parse_segment_file_name(name)) {
        CHECK(segment_file_name(file->base_offset, file->suffix) + file->state == name);
    }
    if (const auto partition = parse_partition_folder(name)) {
        CHECK(partition->to_string() == name && !is_deleted_folder(name));
        CHECK(deleted_folder_name(*partition, {}).size() <= 255);
    }
}

void check_input(fuzz::Input& input) {
    const std::size_t choice = input.choice(8);
    if (choice == 0) {
        check_folder(input);
    } else if (choice == 1) {
        check_append(input);
    } else if (choice == 2) {
        check_checkpoint(input.text());
    } else if (choice == 3) {
        check_epochs(input.text());
    } else if (choice <= 5) {
        check_identity(input.text(), choice == 5);
    } else if (choice == 6) {
        check_snapshot(input.rest());
    } else {
        check_names(input.text());
    }
}

}  // namespace
}  // namespace millrace::broker::log

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::configure_log(millrace::LogLevel::error, millrace::LogFormat::text);
    millrace::fuzz::Input input(data, size);
    millrace::broker::log::check_input(input);
    return 0;
}
