#include "lib/zk/jute_codec.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::zk {

std::string read_string(wire::Reader& reader) {
    const std::int32_t length = reader.int32();
    if (length == -1) {
        return {};
    }
    return std::string(reader.text(reader.checked_count(length, 1)));
}

std::optional<std::string> read_optional_string(wire::Reader& reader) {
    const std::int32_t length = reader.int32();
    if (length == -1) {
        return std::nullopt;
    }
    return std::string(reader.text(reader.checked_count(length, 1)));
}

std::optional<Bytes> read_buffer(wire::Reader& reader) {
    const std::int32_t length = reader.int32();
    if (length == -1) {
        return std::nullopt;
    }
    const BytesView view = reader.bytes(reader.checked_count(length, 1));
    return Bytes(view.begin(), view.end());
}

void write_length(wire::Writer& writer, std::size_t length) {
    CHECK(std::in_range<std::int32_t>(length));
    writer.int32(static_cast<std::int32_t>(length));
}

void write_string(wire::Writer& writer, std::string_view value) {
    write_length(writer, value.size());
    writer.text(value);
}

void write_optional_string(wire::Writer& writer, const std::optional<std::string>& value) {
    if (!value) {
        writer.int32(-1);
        return;
    }
    write_string(writer, *value);
}

void write_buffer(wire::Writer& writer, const std::optional<Bytes>& value) {
    if (!value) {
        writer.int32(-1);
        return;
    }
    write_length(writer, value->size());
    writer.bytes(*value);
}

std::unexpected<Error> malformed_record(std::string_view name, const wire::Reader& reader) {
    return fail(Errc::malformed,
                fmt::format("{} does not follow its format at byte {}", name, reader.position()));
}

}  // namespace millrace::zk
