#include "lib/kafka/record_batch.h"

#include <fmt/format.h>

#include <limits>

#include "lib/base/check.h"
#include "lib/wire/crc32c.h"
#include "lib/wire/reader.h"

namespace millrace::kafka {

namespace {

// Where the fields of a batch lie; those that only BatchView reads stand there.
constexpr std::size_t kLengthAt = 8;
constexpr std::size_t kLeaderEpochAt = 12;
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kChecksumAt = 17;
constexpr std::size_t kAttributesAt = 21;  // the checksum covers everything from here on
constexpr std::size_t kMaxTimestampAt = 35;
constexpr std::size_t kProducerIdAt = 43;
constexpr std::size_t kProducerEpochAt = 51;
constexpr std::size_t kBaseSequenceAt = 53;

// A message of magic 0 without key and value, counted as the length field does.
constexpr std::int32_t kOldMessageSizeMin = 14;
// Length byte, attributes, two deltas, two lengths, header count.
constexpr std::size_t kRecordSizeMin = 7;

constexpr std::byte kLogAppendTimeBit{0x08};

template <class T>
T load(BytesView bytes, std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value = (value << 8) | std::to_integer<std::uint64_t>(bytes[at + i]);
    }
    return static_cast<T>(value);
}

template <class T>
void store(std::span<std::byte> bytes, std::size_t at, T value) {
    auto rest = static_cast<std::uint64_t>(value);
    for (std::size_t i = sizeof(T); i > 0; --i, rest >>= 8) {
        bytes[at + i - 1] = static_cast<std::byte>(rest & 0xff);
    }
}

Status check_counts(const BatchView& batch) {
    const std::int32_t count = batch.record_count();
    if (batch.last_offset_delta() < 0 || count < 0) {
        return fail(Errc::malformed,
                    fmt::format("a batch with a last offset delta of {} and {} records",
                                batch.last_offset_delta(), count));
    }
    // The offset behind the batch must be one too.
    if (batch.base_offset().value() >=
        std::numeric_limits<std::int64_t>::max() - batch.last_offset_delta()) {
        return fail(Errc::malformed,
                    fmt::format("a batch at offset {} with a last offset delta of {}",
                                batch.base_offset().value(), batch.last_offset_delta()));
    }
    const auto records = static_cast<std::size_t>(count);
    if (batch.codec() == Codec::none && records > batch.records().size() / kRecordSizeMin) {
        return fail(Errc::malformed,
                    fmt::format("a batch of {} bytes claims {} records", batch.size(), count));
    }
    return {};
}

}  // namespace

Result<BatchPrefix> peek_batch(BytesView bytes) {
    if (bytes.size() <= kMagicAt) {
        return fail(Errc::malformed, "a batch is cut short in its first fields");
    }
    const auto length = load<std::int32_t>(bytes, kLengthAt);
    const auto magic = load<std::int8_t>(bytes, kMagicAt);
    if (magic < 0 || magic > kMagicNow) {
        return fail(Errc::malformed, fmt::format("a batch of magic {}", magic));
    }
    const std::int32_t length_min =
        magic == kMagicNow ? static_cast<std::int32_t>(kBatchHeaderSize - kBatchPrefixSize)
                           : kOldMessageSizeMin;
    if (length < length_min) {
        return fail(Errc::malformed, fmt::format("a batch of length {}, at least {} are needed",
                                                 length, length_min));
    }
    return BatchPrefix{load<std::int64_t>(bytes, 0), magic,
                       static_cast<std::size_t>(length) + kBatchPrefixSize};
}

Result<BatchView> BatchView::parse(BytesView bytes) {
    const BatchPrefix prefix = TRY(peek_batch(bytes));
    if (prefix.magic != kMagicNow) {
        return fail(
            Errc::unsupported,
            fmt::format("records in message format {}; format 2 of Kafka 0.11 is the oldest "
                        "that is read here",
                        prefix.magic));
    }
    if (prefix.size > bytes.size()) {
        return fail(Errc::malformed, fmt::format("a batch of {} bytes is cut short at {}",
                                                 prefix.size, bytes.size()));
    }
    const BatchView batch(bytes.first(prefix.size));
    if (batch.codec() > Codec::zstd) {
        return fail(Errc::unsupported, fmt::format("a batch with compression codec {}",
                                                   static_cast<int>(batch.codec())));
    }
    TRY(check_counts(batch));
    return batch;
}

bool BatchView::checksum_holds() const {
    return wire::crc32c(x_bytes.subspan(kAttributesAt)) == checksum();
}

std::int32_t BatchView::last_sequence() const {
    if (!has_sequence()) {
        return kNoSequence;
    }
    const std::int64_t last = std::int64_t{base_sequence()} + last_offset_delta();
    constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(last > kLargest ? last - kLargest - 1 : last);
}

std::int16_t BatchView::int16_at(std::size_t at) const {
    return load<std::int16_t>(x_bytes, at);
}

std::int32_t BatchView::int32_at(std::size_t at) const {
    return load<std::int32_t>(x_bytes, at);
}

std::int64_t BatchView::int64_at(std::size_t at) const {
    return load<std::int64_t>(x_bytes, at);
}

bool BatchReader::next() {
    if (!x_status || x_rest.size() <= kMagicAt) {
        return false;
    }
    const Result<BatchPrefix> prefix = peek_batch(x_rest);
    if (prefix && prefix->magic == kMagicNow && prefix->size > x_rest.size()) {
        return false;
    }
    Result<BatchView> batch = BatchView::parse(x_rest);
    if (!batch) {
        x_status = fail(batch.error());
        return false;
    }
    x_batch = *batch;
    x_rest = x_rest.subspan(batch->size());
    return true;
}

void set_base_offset(std::span<std::byte> batch, Offset offset) {
    CHECK(batch.size() >= kBatchHeaderSize, "a whole header is there");
    store(batch, 0, offset.value());
}

void set_partition_leader_epoch(std::span<std::byte> batch, LeaderEpoch epoch) {
    CHECK(batch.size() >= kBatchHeaderSize, "a whole header is there");
    store(batch, kLeaderEpochAt, epoch.value());
}

void set_producer(std::span<std::byte> batch, ProducerId producer, ProducerEpoch epoch,
                  std::int32_t base_sequence) {
    CHECK(batch.size() >= kBatchHeaderSize, "a whole header is there");
    store(batch, kProducerIdAt, producer.value());
    store(batch, kProducerEpochAt, epoch.value());
    store(batch, kBaseSequenceAt, base_sequence);
    store(batch, kChecksumAt, wire::crc32c(batch.subspan(kAttributesAt)));
}

void set_max_timestamp(std::span<std::byte> batch, TimestampType type, std::int64_t timestamp) {
    CHECK(batch.size() >= kBatchHeaderSize, "a whole header is there");
    std::byte& flags = batch[kAttributesAt + 1];
    flags &= ~kLogAppendTimeBit;
    if (type == TimestampType::log_append_time) {
        flags |= kLogAppendTimeBit;
    }
    store(batch, kMaxTimestampAt, timestamp);
    store(batch, kChecksumAt, wire::crc32c(batch.subspan(kAttributesAt)));
}

}  // namespace millrace::kafka
