#include "lib/kafka/message_set.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "lib/kafka/lz4_header.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::kafka {

namespace {

constexpr std::size_t kPrefixSize = 12;  // offset and length
constexpr std::size_t kChecksumSize = 4;
constexpr unsigned kCodecMask = 0x07;
constexpr unsigned kLogAppendTimeBit = 0x08;

std::uint32_t crc32_of(BytesView bytes) {
    return static_cast<std::uint32_t>(
        ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::unexpected<Error> malformed(std::int64_t offset, std::string_view what) {
    return fail(Errc::malformed, fmt::format("message at offset {}: {}", offset, what));
}

// An int32 length, -1 for null, and the bytes.
std::optional<BytesView> read_nullable(wire::Reader& reader) {
    const std::int32_t size = reader.int32();
    if (size < 0) {
        return std::nullopt;
    }
    return reader.bytes(reader.checked_count(size, 1));
}

void write_nullable(wire::Writer& writer, const std::optional<BytesView>& bytes) {
    writer.int32(bytes ? static_cast<std::int32_t>(bytes->size()) : -1);
    if (bytes) {
        writer.bytes(*bytes);
    }
}

// lz4 frames of magic 0 carry a checksum that lz4's library refuses.
Result<Bytes> inflate(std::int8_t magic, Codec codec, BytesView bytes, std::size_t bytes_max) {
    if (magic > 0 || codec != Codec::lz4) {
        return decompress(codec, bytes, bytes_max);
    }
    Bytes mended(bytes.begin(), bytes.end());
    set_lz4_header_checksum(mended, Lz4HeaderChecksum::specified);
    return decompress(codec, mended, bytes_max);
}

Bytes deflate(std::int8_t magic, Codec codec, BytesView bytes) {
    Bytes out = compress(codec, bytes);
    if (magic == 0 && codec == Codec::lz4) {
        set_lz4_header_checksum(out, Lz4HeaderChecksum::of_magic_0);
    }
    return out;
}

struct Stamp {
    std::int64_t timestamp = kNoTimestamp;
    TimestampType type = TimestampType::create_time;
};

struct Body {
    std::int64_t offset = 0;
    Stamp stamp;
    Codec codec = Codec::none;
    std::optional<BytesView> key;
    std::optional<BytesView> value;
};

void write_message(wire::Writer& out, std::int8_t magic, const Body& body) {
    out.int64(body.offset);
    const std::size_t start = out.size();
    out.int32(0);   // the length
    out.uint32(0);  // the checksum
    out.int8(magic);
    const bool append_time = magic > 0 && body.stamp.type == TimestampType::log_append_time;
    out.uint8(static_cast<std::uint8_t>(static_cast<unsigned>(body.codec) |
                                        (append_time ? kLogAppendTimeBit : 0)));
    if (magic > 0) {
        out.int64(body.stamp.timestamp);
    }
    write_nullable(out, body.key);
    write_nullable(out, body.value);
    const std::size_t body_start = start + sizeof(std::int32_t);
    const std::uint32_t checksum = crc32_of(out.view().subspan(body_start + kChecksumSize));
    out.patch_int32(start, static_cast<std::int32_t>(out.size() - body_start));
    out.patch_int32(body_start, static_cast<std::int32_t>(checksum));
}

// Records of one batch as one message each, or as one wrapper when the batch was compressed.
class OldBatch {
 public:
    OldBatch(std::int8_t magic, Codec codec, TimestampType type)
        : x_magic(magic), x_codec(codec), x_type(type) {}

    void add(const Record& record) {
        if (x_count++ == 0) {
            x_first = record.offset;
        }
        x_last = record.offset;
        x_newest = std::max(x_newest, record.timestamp);
        const bool relative = x_codec != Codec::none && x_magic > 0;
        write_message(x_messages, x_magic,
                      {.offset = relative ? record.offset - x_first : record.offset,
                       .stamp = {record.timestamp, x_type},
                       .key = record.key,
                       .value = record.value});
    }

    void write_to(wire::Writer& out) {
        if (x_count == 0) {
            return;
        }
        if (x_codec == Codec::none) {
            out.bytes(x_messages.view());
            return;
        }
        const Bytes packed = deflate(x_magic, x_codec, x_messages.view());
        write_message(out, x_magic,
                      {.offset = x_last,
                       .stamp = {x_newest, x_type},
                       .codec = x_codec,
                       .key = std::nullopt,
                       .value = packed});
    }

 private:
    std::int8_t x_magic;
    Codec x_codec;
    TimestampType x_type;
    wire::Writer x_messages;
    std::size_t x_count = 0;
    std::int64_t x_first = 0;
    std::int64_t x_last = 0;
    std::int64_t x_newest = kNoTimestamp;
};

// Whether a record of an uncompressed batch is below what was asked for. Compressed batches stay whole: their reader skips.
bool is_before(const OldFormat& format, Codec codec, std::int64_t offset) {
    return codec == Codec::none && offset < format.first_offset;
}

Status age_batch(BytesView bytes, const OldFormat& format, wire::Writer& out) {
    const BatchView batch = TRY(BatchView::parse(bytes));
    if (batch.codec() == Codec::zstd) {
        return fail(Errc::unsupported, "zstd is not known to clients of message sets");
    }
    if (batch.is_control()) {
        return {};
    }
    OldBatch old(format.magic, batch.codec(), batch.timestamp_type());
    RecordReader reader = TRY(RecordReader::open(batch, format.inflated_bytes_max));
    while (reader.next()) {
        if (!is_before(format, batch.codec(), reader.record().offset)) {
            old.add(reader.record());
        }
    }
    TRY(Status(reader.status()));
    old.write_to(out);
    return {};
}

// A message of magic 1 for clients of magic 0.
Status age_message(BytesView bytes, const OldFormat& format, wire::Writer& out) {
    MessageSetReader reader(bytes, format.inflated_bytes_max);
    std::optional<OldBatch> old;
    while (reader.next()) {
        if (!old) {
            old.emplace(format.magic, reader.codec(), reader.timestamp_type());
        }
        if (!is_before(format, reader.codec(), reader.record().offset)) {
            old->add(reader.record());
        }
    }
    TRY(Status(reader.status()));
    if (old) {
        old->write_to(out);
    }
    return {};
}

}  // namespace

struct MessageSetReader::Message {
    std::int8_t magic = 0;
    Body body;
    std::size_t size = 0;  // bytes it takes, prefix included; 0: cut short

    // The message at the start of bytes. Errors: malformed, unsupported.
    static Result<Message> parse(BytesView bytes);
};

Result<MessageSetReader::Message> MessageSetReader::Message::parse(BytesView bytes) {
    if (bytes.size() < kPrefixSize + kChecksumSize + 1) {
        return Message{};
    }
    const BatchPrefix prefix = TRY(peek_batch(bytes));
    if (prefix.magic == kMagicNow) {
        return fail(Errc::unsupported, "a batch of magic 2 among messages of older formats");
    }
    if (prefix.size > bytes.size()) {
        return Message{};
    }
    Message message{.magic = prefix.magic, .body = {}, .size = prefix.size};
    const BytesView content = bytes.subspan(kPrefixSize, prefix.size - kPrefixSize);
    wire::Reader reader(content);
    const std::uint32_t checksum = reader.uint32();
    reader.skip(1);
    const auto attributes = static_cast<unsigned>(reader.uint8());
    Body& body = message.body;
    body.offset = prefix.base_offset;
    body.codec = static_cast<Codec>(attributes & kCodecMask);
    if (message.magic > 0) {
        body.stamp.timestamp = reader.int64();
        body.stamp.type = (attributes & kLogAppendTimeBit) != 0 ? TimestampType::log_append_time
                                                                : TimestampType::create_time;
    }
    body.key = read_nullable(reader);
    body.value = read_nullable(reader);
    if (!reader.ok() || !reader.at_end()) {
        return malformed(body.offset, "it does not follow the format");
    }
    if (crc32_of(content.subspan(kChecksumSize)) != checksum) {
        return malformed(body.offset, "it has a wrong checksum");
    }
    if (body.codec > Codec::lz4) {
        return fail(Errc::unsupported,
                    fmt::format("a message of magic {} with compression codec {}", message.magic,
                                static_cast<int>(body.codec)));
    }
    return message;
}

MessageSetReader::MessageSetReader(BytesView set, std::size_t inflated_bytes_max)
    : x_rest(set), x_inflated_bytes_max(inflated_bytes_max) {}

bool MessageSetReader::damaged(Error error) {
    x_status = fail(std::move(error));
    return false;
}

void MessageSetReader::show(const Message& message) {
    const Body& body = message.body;
    x_record.offset = body.offset;
    x_record.timestamp = body.stamp.timestamp;
    x_record.key = body.key;
    x_record.value = body.value;
    x_timestamp_type = body.stamp.type;
}

bool MessageSetReader::next() {
    if (!x_status) {
        return false;
    }
    if (!x_inner_rest.empty()) {
        return next_inner();
    }
    const auto message = Message::parse(x_rest);
    if (!message) {
        return damaged(message.error());
    }
    if (message->size == 0) {
        x_rest = {};
        return false;
    }
    x_rest = x_rest.subspan(message->size);
    x_codec = message->body.codec;
    if (x_codec != Codec::none) {
        return open_wrapper(*message) && next_inner();
    }
    show(*message);
    return true;
}

bool MessageSetReader::open_wrapper(const Message& wrapper) {
    const Body& body = wrapper.body;
    if (!body.value) {
        return damaged(malformed(body.offset, "a wrapper without messages").error());
    }
    auto inflated = inflate(wrapper.magic, body.codec, *body.value, x_inflated_bytes_max);
    if (!inflated) {
        return damaged(inflated.error());
    }
    x_inflated = std::move(*inflated);
    x_inner_rest = x_inflated;
    x_wrapper_magic = wrapper.magic;
    x_append_time = body.stamp.type == TimestampType::log_append_time
                        ? std::optional(body.stamp.timestamp)
                        : std::nullopt;
    x_inner_base = 0;
    if (wrapper.magic == 0) {
        return true;
    }
    // Offsets inside count from the first message; the wrapper has that of the last (KIP-31).
    std::int64_t last = 0;
    for (BytesView rest = x_inner_rest; !rest.empty();) {
        const auto inner = peek_batch(rest);
        if (!inner || inner->size > rest.size()) {
            break;  // next_inner finds it, too
        }
        last = inner->base_offset;
        rest = rest.subspan(inner->size);
    }
    // A hostile offset may not overflow: unsigned arithmetic wraps.
    x_inner_base = static_cast<std::int64_t>(static_cast<std::uint64_t>(body.offset) -
                                             static_cast<std::uint64_t>(last));
    return true;
}

bool MessageSetReader::next_inner() {
    const auto message = Message::parse(x_inner_rest);
    if (!message) {
        return damaged(message.error());
    }
    const Body& body = message->body;
    if (message->size == 0 || message->magic != x_wrapper_magic || body.codec != Codec::none) {
        return damaged(
            malformed(body.offset, "what a wrapper holds is no set of its kind").error());
    }
    x_inner_rest = x_inner_rest.subspan(message->size);
    show(*message);
    x_record.offset = static_cast<std::int64_t>(static_cast<std::uint64_t>(body.offset) +
                                                static_cast<std::uint64_t>(x_inner_base));
    if (x_append_time) {
        x_record.timestamp = *x_append_time;
        x_timestamp_type = TimestampType::log_append_time;
    }
    return true;
}

Result<Bytes> batch_of_message_set(BytesView set, std::size_t inflated_bytes_max) {
    // The codec stands in the header of the batch, before the records: a first pass finds it.
    BatchOptions options;
    MessageSetReader first_pass(set, inflated_bytes_max);
    bool empty = true;
    while (first_pass.next()) {
        empty = false;
        if (first_pass.codec() != Codec::none) {
            options.codec = first_pass.codec();
        }
        if (first_pass.timestamp_type() == TimestampType::log_append_time) {
            options.log_append_time = first_pass.record().timestamp;
        }
    }
    TRY(Status(first_pass.status()));
    if (empty) {
        return Bytes{};
    }
    RecordBatchBuilder builder(options);
    MessageSetReader reader(set, inflated_bytes_max);
    while (reader.next()) {
        builder.add(reader.record());
    }
    return builder.build();
}

Result<Bytes> message_set_of_batches(BytesView batches, const OldFormat& format) {
    wire::Writer out;
    while (!batches.empty()) {
        const BatchPrefix prefix = TRY(peek_batch(batches));
        if (prefix.size > batches.size()) {
            return fail(Errc::malformed, "a batch is cut short");
        }
        const BytesView bytes = batches.first(prefix.size);
        batches = batches.subspan(prefix.size);
        if (prefix.magic == kMagicNow) {
            const Status aged = age_batch(bytes, format, out);
            if (!aged && aged.error().code == Errc::unsupported && out.size() > 0) {
                break;  // the client gets so far, and the refusal when it asks for what follows
            }
            TRY(Status(aged));
        } else if (prefix.magic > format.magic) {
            TRY(age_message(bytes, format, out));
        } else {
            out.bytes(bytes);
        }
    }
    return out.take();
}

}  // namespace millrace::kafka
