// Bytes of real clients and brokers: decode, compare, encode, compare. tests/golden/kafka/README.md
// tells how they were captured.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "lib/kafka/group_records.h"
#include "lib/kafka/record.h"
#include "lib/kafka/request_frame.h"
#include "lib/kafka/response_of.h"
#include "lib/kafka/versioned.h"
#include "tests/support/source_directory.h"

using namespace millrace;
using namespace millrace::kafka;

namespace {

Bytes golden(const std::string& name) {
    std::ifstream file(std::string(testing::kSourceDirectory) + "/tests/golden/kafka/" + name +
                       ".hex");
    REQUIRE(file.good());
    std::string comment;
    std::getline(file, comment);
    REQUIRE(comment.starts_with("# "));
    std::ostringstream digits;
    digits << file.rdbuf();
    Bytes bytes = from_hex(digits.str());
    REQUIRE(!bytes.empty());
    return bytes;
}

template <class Message>
Message decode_all(wire::Reader body, std::int16_t version) {
    Result<Message> message = Message::decode(body, version);
    REQUIRE(message.has_value());
    REQUIRE(body.at_end());
    return std::move(*message);
}

// Frames outlive what is decoded from them: `records` fields borrow.
template <class Message>
struct Golden {
    Bytes bytes;
    RequestHeader header;
    Message message;
};

template <class Request>
Golden<Request> golden_request(const std::string& name) {
    Golden<Request> golden_frame{golden(name), {}, {}};
    const BytesView frame = BytesView(golden_frame.bytes).subspan(kFrameLengthSize);
    Result<RequestFrame> parsed = parse_request_frame(frame);
    REQUIRE(parsed.has_value());
    REQUIRE(to_wire(parsed->header.key) == Request::kApiKey);
    golden_frame.header = parsed->header;
    golden_frame.message = decode_all<Request>(parsed->body, parsed->header.version);
    const Bytes again = request_frame(parsed->header, golden_frame.message);
    REQUIRE(to_hex(again) == to_hex(golden_frame.bytes));
    return golden_frame;
}

template <class Response>
Golden<Response> golden_response(const std::string& name, std::int16_t version) {
    Golden<Response> golden_frame{golden(name), {}, {}};
    const BytesView frame = BytesView(golden_frame.bytes).subspan(kFrameLengthSize);
    const auto key = static_cast<ApiKey>(Response::kApiKey);
    const Result<ResponseFrame> parsed = parse_response_frame(frame, key, version);
    REQUIRE(parsed.has_value());
    golden_frame.header = {key, version, parsed->correlation_id, std::nullopt};
    golden_frame.message = decode_all<Response>(parsed->body, version);
    const wire::Writer again = response_frame(golden_frame.header, golden_frame.message);
    REQUIRE(to_hex(again.view()) == to_hex(golden_frame.bytes));
    return golden_frame;
}

}  // namespace

TEST_CASE("kcat's greeting is read and written") {
    const auto request = golden_request<ApiVersionsRequest>("kcat_api_versions_v3_request");
    REQUIRE(request.header.version == 3);
    REQUIRE(request.header.client_id == "rdkafka");
    REQUIRE(request.message.client_software_name == "librdkafka");
}

TEST_CASE("the Java broker lists exactly the APIs and versions of the table") {
    const auto version = GENERATE(std::int16_t{3}, std::int16_t{4});
    const auto response = golden_response<ApiVersionsResponse>(
        "java_api_versions_v" + std::to_string(version) + "_response", version);
    const auto ours = all_apis();
    REQUIRE(ours.size() == 62);
    REQUIRE(response.message.api_keys.size() == ours.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
        const auto& theirs = response.message.api_keys[i];
        REQUIRE(theirs.api_key == ours[i].key);
        REQUIRE(theirs.min_version == ours[i].min_version);
        REQUIRE(theirs.max_version == ours[i].max_version);
    }
    REQUIRE(response.message.finalized_features_epoch == 0);
}

TEST_CASE("the Java broker's metadata of version 4 is read and written") {
    const auto response = golden_response<MetadataResponse>("java_metadata_v4_response", 4);
    REQUIRE(response.message.brokers.size() == 1);
    REQUIRE(response.message.brokers[0].rack == "rack1");
    REQUIRE(response.message.topics.at(0).name == "orders");
    REQUIRE(response.message.topics[0].partitions.size() == 2);
}

TEST_CASE("the Java producer's request holds one whole batch per partition") {
    const auto request = golden_request<ProduceRequest>("java_produce_v11_request");
    REQUIRE(request.message.acks == -1);
    const auto& partition = request.message.topics.at(0).partitions.at(0);
    const Result<BatchView> batch = BatchView::parse(partition.records.bytes);
    REQUIRE(batch.has_value());
    REQUIRE(batch->size() == partition.records.bytes.size());
    REQUIRE(batch->checksum_holds());
    REQUIRE(batch->codec() == Codec::lz4);
    REQUIRE(batch->base_sequence() == 0);
    REQUIRE(batch->record_count() == 40);
}

TEST_CASE("the Java broker's answer to a Produce is read and written") {
    const auto response = golden_response<ProduceResponse>("java_produce_v11_response", 11);
    const auto& topic = response.message.topics.at(0);
    REQUIRE(topic.name == "codec-lz4");
    REQUIRE(topic.partitions.at(0).base_offset == 0);
    REQUIRE(topic.partitions[0].log_append_time_ms == -1);
}

TEST_CASE("the Java consumer's Fetch of version 17 is read and written") {
    const auto request = golden_request<FetchRequest>("java_fetch_v17_request");
    REQUIRE(request.message.session_epoch == 0);
    REQUIRE(request.message.topics.at(0).topic_id.to_string() == "lMt-darETGKkGf4HgNLXcg");
    REQUIRE(request.message.topics[0].partitions.size() == 2);
    REQUIRE(request.message.replica_state.replica_id == -1);
}

TEST_CASE("the Java broker's Fetch response carries the batch as kcat wrote it") {
    const auto response = golden_response<FetchResponse>("java_fetch_v17_response", 17);
    REQUIRE(response.message.session_id != 0);
    std::size_t with_data = 0;
    for (const auto& partition : response.message.topics.at(0).partitions) {
        if (!partition.records.bytes.empty()) {
            ++with_data;
            REQUIRE(to_hex(partition.records.bytes) == to_hex(golden("kcat_batch_headers")));
        }
    }
    REQUIRE(with_data == 1);
}

TEST_CASE("the Java consumer joins with a subscription that reads as version 3") {
    const auto request = golden_request<JoinGroupRequest>("java_join_group_v9_request");
    REQUIRE(request.message.group_id == "readers");
    REQUIRE(request.message.protocols.at(0).name == "range");
    const auto subscription =
        decode_newest_known<ConsumerProtocolSubscription>(request.message.protocols[0].metadata);
    REQUIRE(subscription.has_value());
    REQUIRE(subscription->topics == std::vector<std::string>{"orders"});
}

TEST_CASE("kcat's SyncGroup gives both partitions to its one member") {
    const auto request = golden_request<SyncGroupRequest>("kcat_sync_group_v3_request");
    REQUIRE(request.message.assignments.size() == 1);
    const auto assignment =
        decode_newest_known<ConsumerProtocolAssignment>(request.message.assignments[0].assignment);
    REQUIRE(assignment.has_value());
    REQUIRE(assignment->assigned_partitions.at(0).topic == "orders");
    REQUIRE(assignment->assigned_partitions[0].partitions == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("the Java consumer's commit is read and written") {
    const auto request = golden_request<OffsetCommitRequest>("java_offset_commit_v9_request");
    REQUIRE(request.message.generation_id_or_member_epoch == 1);
    REQUIRE(request.message.topics.at(0).partitions.size() == 2);
}

TEST_CASE("the Java controller's LeaderAndIsr and the broker's answer are read and written") {
    const auto request = golden_request<LeaderAndIsrRequest>("java_leader_and_isr_v7_request");
    REQUIRE(request.message.topic_states.at(0).topic_name == "orders");
    const auto& partitions = request.message.topic_states[0].partition_states;
    REQUIRE(partitions.size() == 2);
    REQUIRE(partitions[0].is_new);
    REQUIRE(partitions[0].isr == std::vector<std::int32_t>{1});
    const auto response =
        golden_response<LeaderAndIsrResponse>("java_leader_and_isr_v7_response", 7);
    REQUIRE(response.message.topics.at(0).topic_id == request.message.topic_states[0].topic_id);
}

TEST_CASE("the Java controller's UpdateMetadata is read and written") {
    const auto request = golden_request<UpdateMetadataRequest>("java_update_metadata_v8_request");
    const auto& broker = request.message.live_brokers.at(0);
    REQUIRE(broker.rack == "rack1");
    REQUIRE(broker.endpoints.at(0).listener == "PLAINTEXT");
    REQUIRE(request.message.topic_states.at(0).partition_states.at(0).leader == 1);
}

TEST_CASE("batches that the Java producer compressed are inflated and read") {
    const std::string codec = GENERATE("gzip", "snappy", "lz4", "zstd");
    const Bytes bytes = golden("java_batch_" + codec);
    const Result<BatchView> batch = BatchView::parse(bytes);
    REQUIRE(batch.has_value());
    REQUIRE(batch->checksum_holds());
    REQUIRE(name_of(batch->codec()) == codec);
    Result<RecordReader> reader = RecordReader::open(*batch, 1 << 20);
    REQUIRE(reader.has_value());
    std::int64_t count = 0;
    while (reader->next()) {
        const std::string expected = "a value that repeats itself " + std::to_string(count + 1);
        REQUIRE(reader->record().offset == count);
        REQUIRE(as_text(*reader->record().value) == expected);
        ++count;
    }
    REQUIRE(reader->status().has_value());
    REQUIRE(count == 40);
}

TEST_CASE("headers of kcat's records are read, and the builder makes the same batch") {
    const Bytes bytes = golden("kcat_batch_headers");
    const Result<BatchView> batch = BatchView::parse(bytes);
    REQUIRE(batch.has_value());
    BatchOptions options;
    options.partition_leader_epoch = batch->partition_leader_epoch();
    RecordBatchBuilder builder(options);
    Result<RecordReader> reader = RecordReader::open(*batch, 0);
    REQUIRE(reader.has_value());
    while (reader->next()) {
        REQUIRE(reader->record().headers.size() == 1);
        REQUIRE(reader->record().headers[0].key == "trace");
        REQUIRE(as_text(*reader->record().headers[0].value) == "7");
        builder.add_at(reader->record());
    }
    REQUIRE(reader->status().has_value());
    REQUIRE(to_hex(builder.build()) == to_hex(bytes));
}

TEST_CASE("a transaction's batch and marker are built as the Java broker stored them") {
    const Bytes bytes = golden("java_transaction_log");
    BatchReader batches(bytes);
    REQUIRE(batches.next());
    const BatchView data = batches.batch();
    REQUIRE(data.is_transactional());
    REQUIRE(!data.is_control());
    REQUIRE(data.producer_id() == ProducerId(5));
    REQUIRE(data.last_sequence() == 1);
    REQUIRE(batches.next());
    const BatchView marker = batches.batch();
    REQUIRE(marker.is_control());
    REQUIRE(marker.base_offset() == Offset(2));
    REQUIRE(!marker.has_sequence());
    const Result<EndTransaction> end = read_end_transaction(marker);
    REQUIRE(end.has_value());
    REQUIRE(end->commit);
    REQUIRE(end->coordinator_epoch == CoordinatorEpoch(0));

    Bytes built = end_transaction_batch(*end);
    set_base_offset(built, marker.base_offset());
    set_partition_leader_epoch(built, marker.partition_leader_epoch());
    REQUIRE(to_hex(built) == to_hex(marker.bytes()));
    REQUIRE(!batches.next());
    REQUIRE(batches.status().has_value());
    REQUIRE(batches.rest().empty());
}
