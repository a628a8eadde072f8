#include "lib/kafka/compression.h"

#include <fmt/format.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "lib/base/check.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::kafka {

namespace {

constexpr std::size_t kOutputStart = 16 * 1024;
constexpr int kGzipWindow = 15 + 16;  // largest window, gzip header

// The frame around snappy blocks that snappy-java made and every Kafka client kept:
// magic, version, lowest compatible version, then blocks behind an int32 size.
constexpr std::array<std::uint8_t, 8> kXerialMagic{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t kXerialHeaderSize = 16;
constexpr std::size_t kXerialBlockSize = 32 * 1024;

// Room for bytes that come out of a codec, doubled as it fills, up to a limit.
class Output {
 public:
    explicit Output(std::size_t bytes_max) : x_bytes_max(bytes_max) {}

    // Where the codec may write next; false when the limit is reached and no byte is free.
    bool make_room() {
        if (x_used < x_bytes.size()) {
            return true;
        }
        if (x_bytes.size() >= x_bytes_max) {
            return false;
        }
        x_bytes.resize(std::min(x_bytes_max, std::max(kOutputStart, x_bytes.size() * 2)));
        return true;
    }
    std::byte* free_start() { return x_bytes.data() + x_used; }
    std::size_t free_size() const { return x_bytes.size() - x_used; }
    void take(std::size_t count) { x_used += count; }
    Bytes finish() {
        x_bytes.resize(x_used);
        return std::move(x_bytes);
    }
    std::unexpected<Error> too_large() const {
        return fail(Errc::too_large,
                    fmt::format("a compressed batch inflates to more than {} bytes", x_bytes_max));
    }

 private:
    std::size_t x_bytes_max;
    Bytes x_bytes;
    std::size_t x_used = 0;
};

std::unexpected<Error> damaged(Codec codec, std::string_view detail) {
    return fail(Errc::malformed, fmt::format("damaged {} data: {}", name_of(codec), detail));
}

Bytef* zlib_bytes(const std::byte* bytes) {
    // zlib does not write through next_in; its C interface only lacks the const.
    return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes));
}

Bytes gzip(BytesView bytes, int level) {
    z_stream stream{};
    CHECK(deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytes out(deflateBound(&stream, bytes.size()));
    stream.next_in = zlib_bytes(bytes.data());
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = zlib_bytes(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int outcome = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    CHECK(outcome == Z_STREAM_END, "the buffer is as large as deflateBound asks for");
    return out;
}

struct InflateEnd {
    void operator()(z_stream* stream) const { inflateEnd(stream); }
};

Result<Bytes> gunzip(BytesView bytes, std::size_t output_bytes_max) {
    Output out(output_bytes_max);
    z_stream stream{};
    CHECK(inflateInit2(&stream, kGzipWindow) == Z_OK);
    const std::unique_ptr<z_stream, InflateEnd> closer(&stream);
    stream.next_in = zlib_bytes(bytes.data());
    stream.avail_in = static_cast<uInt>(bytes.size());
    for (;;) {
        const bool room = out.make_room();
        // Without room zlib may still find the end of the stream, which needs no output.
        const auto before = static_cast<uInt>(room ? out.free_size() : 0);
        Bytef spare = 0;
        stream.next_out = room ? zlib_bytes(out.free_start()) : &spare;
        stream.avail_out = room ? before : 1;
        const int outcome = inflate(&stream, Z_NO_FLUSH);
        if (!room && stream.avail_out == 0) {
            return out.too_large();
        }
        out.take(room ? before - stream.avail_out : 0);
        if (outcome == Z_STREAM_END) {
            if (stream.avail_in == 0) {
                return out.finish();
            }
            inflateReset(&stream);
        } else if (outcome != Z_OK) {
            return damaged(Codec::gzip, stream.msg != nullptr ? stream.msg : "it ends too early");
        }
    }
}

Bytes snappy_frame(BytesView bytes) {
    wire::Writer out;
    for (const std::uint8_t value : kXerialMagic) {
        out.uint8(value);
    }
    out.int32(1);
    out.int32(1);
    while (!bytes.empty()) {
        const BytesView block = bytes.first(std::min(bytes.size(), kXerialBlockSize));
        bytes = bytes.subspan(block.size());
        std::size_t size = snappy_max_compressed_length(block.size());
        Bytes compressed(size);
        const auto outcome = snappy_compress(as_text(block).data(), block.size(),
                                             reinterpret_cast<char*>(compressed.data()), &size);
        CHECK(outcome == SNAPPY_OK, "the buffer is as large as snappy asks for");
        out.int32(static_cast<std::int32_t>(size));
        out.bytes(BytesView(compressed).first(size));
    }
    return out.take();
}

// Appends one inflated block to out.
Status unsnap_block(BytesView block, std::size_t output_bytes_max, Bytes& out) {
    std::size_t size = 0;
    const char* const text = as_text(block).data();
    if (snappy_uncompressed_length(text, block.size(), &size) != SNAPPY_OK) {
        return damaged(Codec::snappy, "a block has no size");
    }
    if (size > output_bytes_max - out.size()) {
        return Output(output_bytes_max).too_large();
    }
    // A snappy element of 3 bytes makes 64 at most: a larger claim is a lie, found before memory is
    // taken.
    if (size / 64 > block.size()) {
        return damaged(Codec::snappy, "a block claims more than it can hold");
    }
    const std::size_t start = out.size();
    out.resize(start + size);
    char* const target = reinterpret_cast<char*>(out.data() + start);
    if (snappy_uncompress(text, block.size(), target, &size) != SNAPPY_OK) {
        return damaged(Codec::snappy, "a block cannot be inflated");
    }
    return {};
}

Result<Bytes> unsnap(BytesView bytes, std::size_t output_bytes_max) {
    Bytes out;
    const bool framed = bytes.size() >= kXerialHeaderSize &&
                        std::ranges::equal(bytes.first(kXerialMagic.size()),
                                           std::as_bytes(std::span(kXerialMagic)));
    if (!framed) {
        TRY(unsnap_block(bytes, output_bytes_max, out));
        return out;
    }
    wire::Reader reader(bytes.subspan(kXerialHeaderSize));
    while (!reader.at_end()) {
        const std::size_t size = reader.checked_count(reader.int32(), 1);
        const BytesView block = reader.bytes(size);
        if (!reader.ok()) {
            return damaged(Codec::snappy, "a block is cut short");
        }
        TRY(unsnap_block(block, output_bytes_max, out));
    }
    if (!reader.ok()) {
        return damaged(Codec::snappy, "a block is cut short");
    }
    return out;
}

Bytes lz4_frame(BytesView bytes, int level) {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    // The default level stands for the fast compressor, any other for the thorough one (KIP-390).
    preferences.compressionLevel = level == levels_of(Codec::lz4).standard ? 0 : level;
    Bytes out(LZ4F_compressFrameBound(bytes.size(), &preferences));
    const std::size_t size =
        LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences);
    CHECK(LZ4F_isError(size) == 0, "the buffer is as large as the library asks for");
    out.resize(size);
    return out;
}

struct Lz4Free {
    void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

Result<Bytes> unlz4(BytesView bytes, std::size_t output_bytes_max) {
    LZ4F_dctx* raw = nullptr;
    CHECK(LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)) == 0);
    const std::unique_ptr<LZ4F_dctx, Lz4Free> context(raw);
    Output out(output_bytes_max);
    std::size_t wanted = 1;  // what the library expects next; 0 at the end of a frame
    while (!bytes.empty() || wanted != 0) {
        const bool room = out.make_room();
        std::byte spare{};
        std::size_t produced = room ? out.free_size() : 1;
        std::size_t consumed = bytes.size();
        wanted = LZ4F_decompress(context.get(), room ? out.free_start() : &spare, &produced,
                                 bytes.data(), &consumed, nullptr);
        if (LZ4F_isError(wanted) != 0) {
            return damaged(Codec::lz4, LZ4F_getErrorName(wanted));
        }
        if (!room && produced > 0) {
            return out.too_large();
        }
        out.take(room ? produced : 0);
        bytes = bytes.subspan(consumed);
        if (produced == 0 && consumed == 0 && wanted != 0) {
            return damaged(Codec::lz4, "it ends too early");
        }
    }
    return out.finish();
}

Bytes zstd_frame(BytesView bytes, int level) {
    Bytes out(ZSTD_compressBound(bytes.size()));
    const std::size_t size =
        ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level);
    CHECK(ZSTD_isError(size) == 0, "the buffer is as large as the library asks for");
    out.resize(size);
    return out;
}

struct ZstdFree {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

Result<Bytes> unzstd(BytesView bytes, std::size_t output_bytes_max) {
    const std::unique_ptr<ZSTD_DStream, ZstdFree> stream(ZSTD_createDStream());
    CHECK(stream != nullptr, "out of memory");
    Output out(output_bytes_max);
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t wanted = 1;
    while (in.pos < in.size || wanted != 0) {
        const bool room = out.make_room();
        std::byte spare{};
        ZSTD_outBuffer target{room ? out.free_start() : &spare, room ? out.free_size() : 1, 0};
        const std::size_t read_before = in.pos;
        wanted = ZSTD_decompressStream(stream.get(), &target, &in);
        if (ZSTD_isError(wanted) != 0) {
            return damaged(Codec::zstd, ZSTD_getErrorName(wanted));
        }
        if (!room && target.pos > 0) {
            return out.too_large();
        }
        out.take(room ? target.pos : 0);
        if (target.pos == 0 && in.pos == read_before && wanted != 0) {
            return damaged(Codec::zstd, "it ends too early");
        }
    }
    return out.finish();
}

constexpr auto kNames = std::to_array<std::string_view>({"none", "gzip", "snappy", "lz4", "zstd"});

}  // namespace

std::string_view name_of(Codec codec) {
    return kNames[static_cast<std::size_t>(codec)];
}

std::optional<Codec> codec_from_name(std::string_view name) {
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) {
        return std::nullopt;
    }
    return static_cast<Codec>(found - kNames.begin());
}

CompressionLevels levels_of(Codec codec) {
    switch (codec) {
        case Codec::gzip:
            return {1, 9, Z_DEFAULT_COMPRESSION};
        case Codec::lz4:
            return {1, 17, 9};
        case Codec::zstd:
            return {ZSTD_minCLevel(), ZSTD_maxCLevel(), 3};
        case Codec::none:
        case Codec::snappy:
            return {};
    }
    UNREACHABLE();
}

Bytes compress(Codec codec, BytesView bytes, int level) {
    const CompressionLevels levels = levels_of(codec);
    if (level != levels.standard) {
        level = std::clamp(level, levels.least, levels.greatest);
    }
    switch (codec) {
        case Codec::none:
            return {bytes.begin(), bytes.end()};
        case Codec::gzip:
            return gzip(bytes, level);
        case Codec::snappy:
            return snappy_frame(bytes);
        case Codec::lz4:
            return lz4_frame(bytes, level);
        case Codec::zstd:
            return zstd_frame(bytes, level);
    }
    UNREACHABLE();
}

Result<Bytes> decompress(Codec codec, BytesView bytes, std::size_t output_bytes_max) {
    switch (codec) {
        case Codec::none:
            if (bytes.size() > output_bytes_max) {
                return Output(output_bytes_max).too_large();
            }
            return Bytes(bytes.begin(), bytes.end());
        case Codec::gzip:
            return gunzip(bytes, output_bytes_max);
        case Codec::snappy:
            return unsnap(bytes, output_bytes_max);
        case Codec::lz4:
            return unlz4(bytes, output_bytes_max);
        case Codec::zstd:
            return unzstd(bytes, output_bytes_max);
    }
    UNREACHABLE();
}

}  // namespace millrace::kafka
