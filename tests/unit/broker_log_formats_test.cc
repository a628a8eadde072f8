// Files captured from a Java broker, decoded and encoded again.
#include "broker/log/batch_header.h"
#include "broker/log/checkpoints.h"
#include "broker/log/file_names.h"
#include "broker/log/leader_epochs.h"
#include "broker/log/producer_state.h"
#include "broker_log_fixture.h"

using namespace millrace;
using namespace millrace::broker::log;
using namespace millrace::broker::log::testing;

namespace {

std::vector<BatchHeader> headers_of(const Bytes& log) {
    std::vector<BatchHeader> headers;
    for (std::size_t at = 0; at < log.size();) {
        const auto header = parse_batch_header(BytesView(log).subspan(at));
        REQUIRE(header);
        REQUIRE(batch_checksum_ok(BytesView(log).subspan(at, header->size)));
        headers.push_back(*header);
        at += header->size;
    }
    return headers;
}

}  // namespace

TEST_CASE("Batches of a Java producer in all codecs have a header and a right checksum") {
    const auto headers = headers_of(golden("plain.00000000000000000000.log"));
    REQUIRE(headers.size() == 5);
    for (std::size_t i = 0; i < headers.size(); ++i) {
        REQUIRE((headers[i].attributes & kCompressionMask) == static_cast<int>(i));
        REQUIRE(headers[i].record_count == 3);
        REQUIRE(headers[i].base_offset == static_cast<std::int64_t>(3 * i));
        REQUIRE(headers[i].has_producer() == (i > 0));
    }
}

TEST_CASE("Markers of a Java transaction coordinator are read") {
    const Bytes log = golden("tx.00000000000000000000.log");
    std::vector<bool> commits;
    std::size_t at = 0;
    for (const BatchHeader& header : headers_of(log)) {
        if (const auto marker = parse_marker(BytesView(log).subspan(at, header.size))) {
            REQUIRE(header.control());
            REQUIRE(marker->coordinator_epoch == 0);
            commits.push_back(marker->commit);
        }
        at += header.size;
    }
    REQUIRE(commits == std::vector<bool>{true, false, true});
}

TEST_CASE("A flipped bit makes the checksum wrong") {
    Bytes batch = make_batch();
    REQUIRE(batch_checksum_ok(batch));
    batch.back() ^= std::byte{1};
    REQUIRE_FALSE(batch_checksum_ok(batch));
}

TEST_CASE("A message of magic 1 is read as a batch of one offset") {
    // offset 7, size 28, CRC-32, magic 1, attributes 0, timestamp 5, key "k", value "v!"
    const Bytes message = from_hex(
        "0000000000000007 00000019 35ee33c4 01 00 0000000000000005 00000001 6b 00000002 7621");
    const auto header = parse_batch_header(message);
    REQUIRE(header);
    REQUIRE(header->magic == 1);
    REQUIRE(header->base_offset == 7);
    REQUIRE(header->last_offset() == 7);
    REQUIRE(header->max_timestamp == 5);
    REQUIRE(header->size == message.size());
    REQUIRE(batch_checksum_ok(message));
}

TEST_CASE("Bytes that cannot be a header are refused") {
    Bytes batch = make_batch();
    batch[16] = std::byte{3};  // magic
    REQUIRE_FALSE(parse_batch_header(batch));
    REQUIRE_FALSE(parse_batch_header(BytesView(batch).first(10)));
    REQUIRE_FALSE(parse_batch_header(Bytes(100)));
    // Nothing could follow it.
    constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();
    REQUIRE(parse_batch_header(make_batch({}, {}, kGreatest - 1)));
    REQUIRE_FALSE(parse_batch_header(make_batch({}, {}, kGreatest)));
}

TEST_CASE("A producer snapshot with entries that cannot be is refused") {
    ProducerState state;
    ProducerEntry entry{.producer_id = 1, .epoch = 0, .last_timestamp = 5};
    SECTION("a batch that begins below offset 0") {
        entry.batches.push_back({7, 3, 4, 5});
        state.restore(entry);
    }
    SECTION("two producers of one transaction") {
        entry.transaction_first_offset = 9;
        state.restore(entry);
        entry.producer_id = 2;
        state.restore(entry);
    }
    REQUIRE_FALSE(decode_producer_snapshot(encode_producer_snapshot(state)));
}

TEST_CASE("Producer snapshots of a Java broker survive decoding and encoding") {
    for (const char* name :
         {"plain.00000000000000000015.snapshot", "idx.00000000000000000020.snapshot",
          "tx.00000000000000000007.snapshot"}) {
        const Bytes bytes = golden(name);
        const auto state = decode_producer_snapshot(bytes);
        REQUIRE(state);
        REQUIRE(to_hex(encode_producer_snapshot(*state)) == to_hex(bytes));
    }
}

TEST_CASE("A producer snapshot with a flipped bit is refused") {
    Bytes bytes = golden("tx.00000000000000000007.snapshot");
    bytes[20] ^= std::byte{4};
    REQUIRE_FALSE(decode_producer_snapshot(bytes));
    bytes.resize(5);
    REQUIRE_FALSE(decode_producer_snapshot(bytes));
}

TEST_CASE("partition.metadata and leader-epoch-checkpoint of a Java broker survive") {
    const Bytes metadata = golden("idx.partition.metadata");
    const auto id = decode_partition_metadata(as_text(metadata));
    REQUIRE(id);
    REQUIRE(encode_partition_metadata(*id) == as_text(metadata));
    const Bytes epochs = golden("idx.leader-epoch-checkpoint");
    const auto decoded = decode_leader_epochs(as_text(epochs));
    REQUIRE(decoded);
    REQUIRE(encode_leader_epochs(*decoded) == as_text(epochs));
}

TEST_CASE("meta.properties of a Java broker is read") {
    const auto meta = decode_meta_properties(as_text(golden("directory.meta.properties")));
    REQUIRE(meta);
    REQUIRE(meta->broker_id == 1);
    REQUIRE(meta->cluster_id);
    const auto again = decode_meta_properties(encode_meta_properties(*meta));
    REQUIRE(again);
    REQUIRE(again->cluster_id == meta->cluster_id);
}

TEST_CASE("meta.properties of version 1 is refused") {
    const auto meta = decode_meta_properties("version=1\nnode.id=1\n");
    REQUIRE_FALSE(meta);
    REQUIRE(meta.error().code == Errc::unsupported);
}

TEST_CASE("Offset checkpoints are text with version, count and a line each") {
    const OffsetCheckpoint offsets{{{"a", 0}, 5}, {{"b", 12}, 7}};
    const std::string text = encode_offset_checkpoint(offsets);
    REQUIRE(text == "0\n2\na 0 5\nb 12 7\n");
    REQUIRE(*decode_offset_checkpoint(text) == offsets);
    REQUIRE(decode_offset_checkpoint("")->empty());
    REQUIRE_FALSE(decode_offset_checkpoint("0\n3\na 0 5\n"));
    REQUIRE_FALSE(decode_offset_checkpoint("1\n0\n"));
}

TEST_CASE("The clean shutdown marker is that of a Java broker") {
    REQUIRE(clean_shutdown_text() == as_text(golden("directory.kafka_cleanshutdown")));
}

TEST_CASE("File and folder names are read as they are written") {
    REQUIRE(segment_file_name(20, ".log") == "00000000000000000020.log");
    const auto name = parse_segment_file_name("00000000000000000020.timeindex.deleted");
    REQUIRE(name);
    REQUIRE(name->base_offset == 20);
    REQUIRE(name->suffix == ".timeindex");
    REQUIRE(name->state == ".deleted");
    REQUIRE_FALSE(parse_segment_file_name("leader-epoch-checkpoint"));
    REQUIRE(parse_partition_folder("a-b-3") == TopicPartition{"a-b", 3});
    for (const char* other : {"a-3.0123-delete", "a-03", "a-+3", "a-", "-3"}) {
        REQUIRE_FALSE(parse_partition_folder(other));
    }
    const std::string deleted = deleted_folder_name({std::string(249, 'x'), 3}, {});
    REQUIRE(deleted.size() == 255);
    REQUIRE(is_deleted_folder(deleted));
}
