#include "coordinator/storage/txn_log_format.h"

#include <algorithm>

#include "lib/wire/adler32.h"
#include "lib/wire/reader.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::uint32_t kMagic = 0x5a4b4c47;
constexpr std::uint32_t kVersion = 2;

}  // namespace

std::array<std::byte, kLogHeaderSize> log_header() {
    wire::Writer out;
    out.uint32(kMagic);
    out.uint32(kVersion);
    out.int64(0);
    std::array<std::byte, kLogHeaderSize> header{};
    std::ranges::copy(out.view(), header.begin());
    return header;
}

bool is_log_header(BytesView bytes) {
    wire::Reader in(bytes);
    return in.uint32() == kMagic && in.uint32() == kVersion && bytes.size() >= kLogHeaderSize;
}

void write_record(wire::Writer& out, const TxnEntry& entry) {
    const std::size_t start = out.size();
    out.int64(0);
    out.int32(0);
    entry.encode(out);
    const BytesView payload = out.view().subspan(start + kRecordHeadSize);
    out.patch_int32(start + 4, static_cast<std::int32_t>(wire::adler32(payload)));
    out.patch_int32(start + 8, static_cast<std::int32_t>(payload.size()));
    out.uint8(std::to_integer<std::uint8_t>(kRecordEnd));
}

RecordView read_record(BytesView bytes) {
    wire::Reader in(bytes);
    const std::uint64_t checksum = in.uint64();
    const std::int32_t size = in.int32();
    if (!in.ok()) {
        const bool zeros = std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
        return {zeros ? RecordState::padding : RecordState::damaged, {}};
    }
    if (checksum == 0 && size == 0) {
        return {RecordState::padding, {}};
    }
    if (size <= 0 || in.remaining() <= static_cast<std::size_t>(size)) {
        return {RecordState::damaged, {}};
    }
    const BytesView payload = in.bytes(static_cast<std::size_t>(size));
    if (bytes[in.position()] != kRecordEnd || wire::adler32(payload) != checksum) {
        return {RecordState::damaged, {}};
    }
    return {RecordState::valid, payload};
}

std::size_t find_record(BytesView bytes) {
    // Checksums are below 2^32, so a record begins with four zero bytes, and then not with eight.
    std::size_t zeros = 0;
    for (std::size_t at = 1; at < bytes.size(); ++at) {
        if (bytes[at] == std::byte{}) {
            ++zeros;
            continue;
        }
        // The first byte of the checksum's low half may be zero itself: up to three starts are possible.
        const std::size_t run = std::exchange(zeros, 0);
        for (std::size_t lead = 4; lead <= std::min<std::size_t>(run, 7); ++lead) {
            if (read_record(bytes.subspan(at - lead)).state == RecordState::valid) {
                return at - lead;
            }
        }
    }
    return bytes.size();
}

}  // namespace millrace::coordinator::storage
