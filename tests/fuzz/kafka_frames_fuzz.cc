// Bytes of a client or a broker, as the frames that carry messages, and the short texts of the protocol. The first byte chooses:
// a request frame, a response frame (two bytes choose its request), a topic id, a topic name.
#include "lib/base/check.h"
#include "lib/kafka/api_table.h"
#include "lib/kafka/hashing.h"
#include "lib/kafka/request_frame.h"
#include "lib/kafka/topic_name.h"
#include "lib/kafka/uuid.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"

namespace millrace::kafka {
namespace {

void check_request(BytesView bytes) {
    const fuzz::MemoryMeter meter;
    Result<RequestFrame> frame = parse_request_frame(bytes);
    meter.check(bytes.size(), 4);
    if (!frame) {
        return;
    }
    const BytesView body = frame->body.bytes(frame->body.remaining());
    wire::Writer writer = begin_request(frame->header);
    writer.bytes(body);
    finish_frame(writer);
    const Bytes again = writer.take();
    Result<RequestFrame> copy = parse_request_frame(BytesView(again).subspan(kFrameLengthSize));
    CHECK(copy && copy->header == frame->header);
    CHECK(std::ranges::equal(copy->body.bytes(copy->body.remaining()), body));
}

void check_response(fuzz::Input& input) {
    const auto key = static_cast<ApiKey>(input.byte() % 69);
    const auto version = static_cast<std::int16_t>(input.byte() % 20);
    if (find_api(to_wire(key)) == nullptr) {
        return;
    }
    const Result<ResponseFrame> frame = parse_response_frame(input.rest(), key, version);
    CHECK(!frame || frame->body.ok());
}

void check_topic_id(std::string_view text) {
    const Result<Uuid> id = Uuid::parse(text);
    CHECK(!id || *Uuid::parse(id->to_string()) == *id);
}

void check_names(fuzz::Input& input) {
    const std::string_view name = input.text();
    if (check_topic_name(name)) {
        CHECK(name.size() <= kTopicNameSizeMax && name.find('/') == std::string_view::npos);
    }
    const std::int32_t partition = partition_for_id(name, 50);
    CHECK(partition >= 0 && partition < 50);
    const std::int32_t keyed = partition_for_key(as_bytes(name), 7);
    CHECK(keyed >= 0 && keyed < 7);
}

}  // namespace
}  // namespace millrace::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::fuzz::Input input(data, size);
    switch (input.choice(4)) {
        case 0:
            millrace::kafka::check_request(input.rest());
            break;
        case 1:
            millrace::kafka::check_response(input);
            break;
        case 2:
            millrace::kafka::check_topic_id(input.text());
            break;
        default:
            millrace::kafka::check_names(input);
    }
    return 0;
}
