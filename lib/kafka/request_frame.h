// Frames: an int32 length, a header, a body. The header's form depends on the API and its version,
// and is no schema: the client id stays in its old encoding where all else is compact, and two APIs
// are exceptions (ControlledShutdown 0 has no client id, ApiVersions always answers with header 0).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/kafka/api_key.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::kafka {

inline constexpr std::size_t kFrameLengthSize = 4;

// Versions of the two headers: 0, 1 or 2 for requests, 0 or 1 for responses.
int request_header_version(ApiKey key, std::int16_t version);
int response_header_version(ApiKey key, std::int16_t version);

struct RequestHeader {
    ApiKey key{};
    std::int16_t version = 0;
    std::int32_t correlation_id = 0;
    std::optional<std::string> client_id;

    bool operator==(const RequestHeader&) const = default;
};

struct RequestFrame {
    RequestHeader header;
    wire::Reader body;  // borrows the frame
};

// frame is what follows the length. Errors: malformed; unsupported (an API or version that is not
// served; Kafka closes the connection then). An ApiVersions request of any version is let through:
// the caller answers one it does not know with version 0 and UNSUPPORTED_VERSION.
Result<RequestFrame> parse_request_frame(BytesView frame);

// Starts a frame with room for its length and the header; the caller encodes the body behind it and
// calls finish_frame.
wire::Writer begin_request(const RequestHeader& header);
wire::Writer begin_response(const RequestHeader& to);

// Fills in the length, gaps included.
void finish_frame(wire::Writer& frame);

// A whole response. Gaps of the body stay in the writer for whoever sends it.
template <class Response>
wire::Writer response_frame(const RequestHeader& to, const Response& response) {
    wire::Writer frame = begin_response(to);
    response.encode(frame, to.version);
    finish_frame(frame);
    return frame;
}

template <class Request>
Bytes request_frame(const RequestHeader& header, const Request& request) {
    wire::Writer frame = begin_request(header);
    request.encode(frame, header.version);
    finish_frame(frame);
    return frame.take();
}

struct ResponseFrame {
    std::int32_t correlation_id = 0;
    wire::Reader body;  // borrows the frame
};

// frame is what follows the length; key and version are those of the request. Errors: malformed.
Result<ResponseFrame> parse_response_frame(BytesView frame, ApiKey key, std::int16_t version);

// Reads and skips the tagged fields that end a flexible header or structure. Fails the reader when
// they are damaged.
void skip_tagged_fields(wire::Reader& reader);

}  // namespace millrace::kafka
