#include "lib/kafka/request_frame.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::kafka {

namespace {

bool is_flexible(ApiKey key, std::int16_t version) {
    return version >= info_of(key).first_flexible;
}

std::optional<std::string> read_client_id(wire::Reader& reader) {
    const std::int16_t size = reader.int16();
    if (size < 0) {
        return std::nullopt;
    }
    return std::string(reader.text(reader.checked_count(size, 1)));
}

void write_client_id(wire::Writer& writer, const std::optional<std::string>& client_id) {
    if (!client_id) {
        writer.int16(-1);
        return;
    }
    CHECK(client_id->size() <= 32767, "a client id fits an int16 length");
    writer.int16(static_cast<std::int16_t>(client_id->size()));
    writer.text(*client_id);
}

}  // namespace

int request_header_version(ApiKey key, std::int16_t version) {
    if (key == ApiKey::controlled_shutdown && version == 0) {
        return 0;
    }
    return is_flexible(key, version) ? 2 : 1;
}

int response_header_version(ApiKey key, std::int16_t version) {
    return key != ApiKey::api_versions && is_flexible(key, version) ? 1 : 0;
}

Result<RequestFrame> parse_request_frame(BytesView frame) {
    wire::Reader reader(frame);
    const std::int16_t key = reader.int16();
    RequestHeader header;
    header.version = reader.int16();
    header.correlation_id = reader.int32();
    if (!reader.ok()) {
        return fail(Errc::malformed, "a request is cut short in its header");
    }
    const ApiInfo* const api = find_api(key);
    if (api == nullptr) {
        return fail(Errc::unsupported, fmt::format("a request with api key {}", key));
    }
    header.key = static_cast<ApiKey>(key);
    if (!api->serves(header.version) && header.key != ApiKey::api_versions) {
        return fail(Errc::unsupported,
                    fmt::format("a {} request of version {}, served are {} to {}", api->name,
                                header.version, api->min_version, api->max_version));
    }
    const int form = request_header_version(header.key, header.version);
    if (form >= 1) {
        header.client_id = read_client_id(reader);
    }
    if (form >= 2) {
        skip_tagged_fields(reader);
    }
    if (!reader.ok()) {
        return fail(Errc::malformed, fmt::format("a damaged header of a {} request", api->name));
    }
    return RequestFrame{std::move(header), reader};
}

wire::Writer begin_request(const RequestHeader& header) {
    wire::Writer frame;
    frame.int32(0);
    frame.int16(to_wire(header.key));
    frame.int16(header.version);
    frame.int32(header.correlation_id);
    const int form = request_header_version(header.key, header.version);
    if (form >= 1) {
        write_client_id(frame, header.client_id);
    }
    if (form >= 2) {
        frame.unsigned_varint(0);
    }
    return frame;
}

wire::Writer begin_response(const RequestHeader& to) {
    wire::Writer frame;
    frame.int32(0);
    frame.int32(to.correlation_id);
    if (response_header_version(to.key, to.version) >= 1) {
        frame.unsigned_varint(0);
    }
    return frame;
}

void finish_frame(wire::Writer& frame) {
    const std::size_t size = frame.size_with_gaps() - kFrameLengthSize;
    CHECK(size <= 0x7fffffff, "a frame's length is an int32");
    frame.patch_int32(0, static_cast<std::int32_t>(size));
}

Result<ResponseFrame> parse_response_frame(BytesView frame, ApiKey key, std::int16_t version) {
    wire::Reader reader(frame);
    const std::int32_t correlation_id = reader.int32();
    if (response_header_version(key, version) >= 1) {
        skip_tagged_fields(reader);
    }
    if (!reader.ok()) {
        return fail(Errc::malformed,
                    fmt::format("a damaged header of a {} response", name_of(key)));
    }
    return ResponseFrame{correlation_id, reader};
}

void skip_tagged_fields(wire::Reader& reader) {
    const std::uint32_t count = reader.unsigned_varint();
    for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
        (void)reader.unsigned_varint();  // tag
        reader.skip(reader.checked_count(reader.unsigned_varint(), 1));
    }
}

}  // namespace millrace::kafka
