#include "lib/kafka/message_codec.h"

#include <fmt/format.h>

namespace millrace::kafka {
namespace {

// Compact lengths are one more than the length, 0 for null.
std::int64_t read_compact_length(wire::Reader& reader) {
    return static_cast<std::int64_t>(reader.unsigned_varint()) - 1;
}

void write_compact_length(wire::Writer& writer, std::size_t length) {
    CHECK(length < UINT32_MAX);
    writer.unsigned_varint(static_cast<std::uint32_t>(length + 1));
}

std::int64_t read_string_length(wire::Reader& reader, bool flexible) {
    const std::int64_t length = flexible ? read_compact_length(reader) : reader.int16();
    if (length > static_cast<std::int64_t>(kStringMax)) {
        reader.fail();
    }
    return length;
}

std::int64_t read_bytes_length(wire::Reader& reader, bool flexible) {
    return flexible ? read_compact_length(reader) : reader.int32();
}

void write_bytes_length(wire::Writer& writer, std::size_t length, bool flexible) {
    if (flexible) {
        write_compact_length(writer, length);
        return;
    }
    CHECK(std::in_range<std::int32_t>(length));
    writer.int32(static_cast<std::int32_t>(length));
}

void write_null_bytes(wire::Writer& writer, bool flexible) {
    if (flexible) {
        writer.unsigned_varint(0);
    } else {
        writer.int32(-1);
    }
}

}  // namespace

std::string read_string(wire::Reader& reader, bool flexible) {
    const std::int64_t length = read_string_length(reader, flexible);
    return std::string(reader.text(reader.checked_count(length, 1)));
}

std::optional<std::string> read_optional_string(wire::Reader& reader, bool flexible,
                                                bool null_allowed) {
    const std::int64_t length = read_string_length(reader, flexible);
    if (length == -1 && null_allowed) {
        return std::nullopt;
    }
    return std::string(reader.text(reader.checked_count(length, 1)));
}

Bytes read_bytes(wire::Reader& reader, bool flexible) {
    const std::int64_t length = read_bytes_length(reader, flexible);
    const BytesView view = reader.bytes(reader.checked_count(length, 1));
    return {view.begin(), view.end()};
}

std::optional<Bytes> read_optional_bytes(wire::Reader& reader, bool flexible, bool null_allowed) {
    const std::int64_t length = read_bytes_length(reader, flexible);
    if (length == -1 && null_allowed) {
        return std::nullopt;
    }
    const BytesView view = reader.bytes(reader.checked_count(length, 1));
    return Bytes(view.begin(), view.end());
}

Records read_records(wire::Reader& reader, bool flexible, bool null_allowed) {
    Records records;
    const std::int64_t length = read_bytes_length(reader, flexible);
    if (length == -1 && null_allowed) {
        records.is_null = true;
        return records;
    }
    records.bytes = reader.bytes(reader.checked_count(length, 1));
    return records;
}

Uuid read_uuid(wire::Reader& reader) {
    Uuid uuid;
    const BytesView view = reader.bytes(uuid.bytes.size());
    std::ranges::copy(view, uuid.bytes.begin());
    return uuid;
}

std::int64_t read_array_length(wire::Reader& reader, bool flexible) {
    return flexible ? read_compact_length(reader) : reader.int32();
}

void write_string(wire::Writer& writer, std::string_view value, bool flexible) {
    CHECK(value.size() <= kStringMax, "string longer than Kafka's 32767 bytes");
    if (flexible) {
        write_compact_length(writer, value.size());
    } else {
        writer.int16(static_cast<std::int16_t>(value.size()));
    }
    writer.text(value);
}

void write_optional_string(wire::Writer& writer, const std::optional<std::string>& value,
                           bool flexible, bool null_allowed) {
    if (value) {
        write_string(writer, *value, flexible);
        return;
    }
    CHECK(null_allowed, "null string in a version that has no null here");
    if (flexible) {
        writer.unsigned_varint(0);
    } else {
        writer.int16(-1);
    }
}

void write_bytes(wire::Writer& writer, BytesView value, bool flexible) {
    write_bytes_length(writer, value.size(), flexible);
    writer.bytes(value);
}

void write_optional_bytes(wire::Writer& writer, const std::optional<Bytes>& value, bool flexible,
                          bool null_allowed) {
    if (value) {
        write_bytes(writer, *value, flexible);
        return;
    }
    CHECK(null_allowed, "null bytes in a version that has no null here");
    write_null_bytes(writer, flexible);
}

void write_records(wire::Writer& writer, const Records& value, bool flexible, bool null_allowed) {
    if (value.is_null) {
        CHECK(null_allowed, "null records in a version that has no null here");
        write_null_bytes(writer, flexible);
        return;
    }
    if (value.external_size > 0) {
        CHECK(value.bytes.empty(), "records are borrowed bytes or a gap, not both");
        write_bytes_length(writer, value.external_size, flexible);
        writer.external(value.external_id, value.external_size);
        return;
    }
    write_bytes(writer, value.bytes, flexible);
}

void write_uuid(wire::Writer& writer, const Uuid& value) {
    writer.bytes(value.bytes);
}

void write_array_length(wire::Writer& writer, std::size_t count, bool flexible) {
    write_bytes_length(writer, count, flexible);
}

void write_null_array(wire::Writer& writer, bool flexible) {
    write_null_bytes(writer, flexible);
}

bool read_presence(wire::Reader& reader, bool null_allowed) {
    return !null_allowed || reader.int8() >= 0;
}

void write_presence(wire::Writer& writer, bool present, bool null_allowed) {
    if (null_allowed) {
        writer.int8(present ? 1 : -1);
        return;
    }
    CHECK(present, "null structure in a version that has no null here");
}

void skip_tags(wire::Reader& reader) {
    for_each_tag(reader, [](std::uint32_t, wire::Reader&) { return false; });
}

void TaggedFields::add(std::uint32_t tag, BytesView body) {
    ++x_count;
    x_fields.unsigned_varint(tag);
    CHECK(std::in_range<std::uint32_t>(body.size()));
    x_fields.unsigned_varint(static_cast<std::uint32_t>(body.size()));
    x_fields.bytes(body);
}

void TaggedFields::write_to(wire::Writer& writer) const {
    writer.unsigned_varint(x_count);
    writer.bytes(x_fields.view());
}

std::unexpected<Error> malformed_message(std::string_view name, int version,
                                         const wire::Reader& reader) {
    return fail(Errc::malformed, fmt::format("{} version {} does not follow its format at byte {}",
                                             name, version, reader.position()));
}

std::unexpected<Error> version_outside(std::string_view name, int first, int last, int version) {
    return fail(Errc::unsupported,
                fmt::format("{} has versions {} to {}, not {}", name, first, last, version));
}

}  // namespace millrace::kafka
