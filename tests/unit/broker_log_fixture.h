// What the tests of the log share: a world in memory, batches to append, and files captured from a Java broker.
#pragma once

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "broker/log/log_directory.h"
#include "broker/log/open_files.h"
#include "broker/log/partition_log.h"
#include "lib/kafka/record.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/source_directory.h"

namespace millrace::broker::log::testing {

class NoNetwork : public runtime::Network {
 public:
    Result<std::unique_ptr<runtime::Listener>> bind(const runtime::Endpoint&,
                                                    const runtime::ListenOptions&,
                                                    AcceptCallback) override {
        return fail(Errc::unsupported, "no network here");
    }
    void connect(const runtime::Endpoint&, Duration, ConnectCallback on_connected) override {
        on_connected(fail(Errc::unsupported, "no network here"));
    }
};

struct World {
    millrace::testing::MemoryFileSystem files;
    millrace::testing::ManualLoop loop;
    millrace::testing::ManualDiskPool disk{loop};
    NoNetwork network;
    runtime::Runtime runtime{loop, network, files, disk};
    OpenFiles open_files{files, 64};
    std::vector<std::string> failures;

    LogContext context() {
        return {loop,       files,
                disk,       runtime::DiskLane{0},
                open_files, [this](const Error& error) { failures.push_back(error.message); }};
    }
    // A log in /logs/t-0. Fails the test when it does not open.
    std::unique_ptr<PartitionLog> open(const LogConfig& config = {}, const LoadHints& hints = {}) {
        auto log = PartitionLog::open(context(), {"t", 0}, "/logs/t-0", config, hints);
        if (!log) {
            FAIL(log.error().to_string());
        }
        (*log)->invariants();
        return std::move(*log);
    }
    void settle() { disk.run_until_idle(); }
    // As a power failure: what is open is of no use any more.
    void crash() {
        files.crash();
        open_files.forget_folder("/logs/t-0");
    }
};

struct Producer {
    std::int64_t id = -1;
    std::int16_t epoch = -1;
    std::int32_t sequence = -1;
    bool transactional = false;
};

struct Content {
    int records = 1;
    std::int64_t timestamp =
        1000;  // of the first record; each following one is a millisecond later
    std::size_t value_bytes = 10;
    kafka::Codec codec = kafka::Codec::none;
    bool keyed = true;
};

inline Bytes make_batch(const Content& content = {}, const Producer& producer = {},
                        std::int64_t base_offset = 0) {
    kafka::BatchOptions options;
    options.codec = content.codec;
    options.base_offset = kafka::Offset(base_offset);
    options.producer_id = kafka::ProducerId(producer.id);
    options.producer_epoch = kafka::ProducerEpoch(producer.epoch);
    options.base_sequence = producer.sequence;
    options.transactional = producer.transactional;
    kafka::RecordBatchBuilder builder(options);
    const std::string value(content.value_bytes, 'v');
    for (int i = 0; i < content.records; ++i) {
        const std::string key = "key" + std::to_string(i);
        kafka::Record record;
        record.timestamp = content.timestamp + i;
        if (content.keyed) {
            record.key = as_bytes(key);
        }
        record.value = as_bytes(value);
        builder.add(record);
    }
    return builder.build();
}

inline Bytes make_marker(std::int64_t producer_id, std::int16_t epoch, bool commit,
                         std::int32_t coordinator_epoch = 0) {
    return kafka::end_transaction_batch({kafka::ProducerId(producer_id),
                                         kafka::ProducerEpoch(epoch),
                                         kafka::CoordinatorEpoch(coordinator_epoch), commit, 1000});
}

// Appends and looks at the invariants.
inline AppendResult append(PartitionLog& log, const Bytes& records, std::int32_t epoch = 0,
                           AppendOrigin origin = AppendOrigin::client) {
    AppendResult result = log.append_as_leader({records, epoch, origin});
    log.invariants();
    return result;
}

// The bytes that a read yields.
inline Bytes read_all(World& world, PartitionLog& log, std::int64_t from) {
    (void)world;
    Bytes all;
    std::int64_t offset = from;
    while (offset < log.log_end_offset()) {
        const auto read = log.read({offset, log.log_end_offset(), 1 << 20, true});
        if (!read || read->size == 0) {
            break;
        }
        Bytes piece(read->size);
        (void)read->file->read_at(read->position, piece);
        all.insert(all.end(), piece.begin(), piece.end());
        offset = read->end_offset;
    }
    return all;
}

// Bytes of tests/golden/broker_log/<name>.hex.
inline Bytes golden(const std::string& name) {
    std::ifstream file(std::string(millrace::testing::kSourceDirectory) +
                       "/tests/golden/broker_log/" + name + ".hex");
    std::stringstream text;
    text << file.rdbuf();
    std::string digits = text.str();
    std::erase(digits, '\n');
    return from_hex(digits);
}

}  // namespace millrace::broker::log::testing
