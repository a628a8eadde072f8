#include "coordinator/storage/snapshot_compression.h"

#include <snappy.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "lib/base/check.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::size_t kRoom = 256 << 10;  // taken at a time for zlib's output
constexpr int kGzipWindow = 15 + 16;      // zlib: the largest window, with a gzip header

class GzipInflater final : public Inflater {
 public:
    GzipInflater() { x_ready = inflateInit2(&x_stream, kGzipWindow) == Z_OK; }
    ~GzipInflater() override { inflateEnd(&x_stream); }
    GzipInflater(const GzipInflater&) = delete;
    GzipInflater& operator=(const GzipInflater&) = delete;

    bool add(BytesView piece, Bytes& out) override {
        x_stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
        x_stream.avail_in = static_cast<uInt>(piece.size());
        while (x_ready && x_stream.avail_in > 0) {
            const std::size_t before = out.size();
            out.resize(before + kRoom);
            x_stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
            x_stream.avail_out = static_cast<uInt>(kRoom);
            const int result = inflate(&x_stream, Z_NO_FLUSH);
            out.resize(out.size() - x_stream.avail_out);
            if (result == Z_STREAM_END) {
                return true;
            }
            x_ready = result == Z_OK;
        }
        return x_ready;
    }

 private:
    z_stream x_stream{};
    bool x_ready = false;
};

class GzipDeflater final : public Deflater {
 public:
    GzipDeflater() {
        CHECK(deflateInit2(&x_stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, MAX_MEM_LEVEL,
                           Z_DEFAULT_STRATEGY) == Z_OK);
    }
    ~GzipDeflater() override { deflateEnd(&x_stream); }
    GzipDeflater(const GzipDeflater&) = delete;
    GzipDeflater& operator=(const GzipDeflater&) = delete;

    void add(BytesView piece, Bytes& out) override { run(piece, Z_NO_FLUSH, out); }
    void finish(Bytes& out) override { run({}, Z_FINISH, out); }

 private:
    void run(BytesView piece, int flush, Bytes& out) {
        x_stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
        x_stream.avail_in = static_cast<uInt>(piece.size());
        do {
            const std::size_t before = out.size();
            out.resize(before + kRoom);
            x_stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
            x_stream.avail_out = static_cast<uInt>(kRoom);
            CHECK(deflate(&x_stream, flush) != Z_STREAM_ERROR);
            out.resize(out.size() - x_stream.avail_out);
        } while (x_stream.avail_out == 0);
    }

    z_stream x_stream{};
};

// SnappyOutputStream: a header, then blocks, each a length and a raw snappy block.
constexpr std::array<unsigned char, 16> kSnappyHeader{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                      0,    0,   0,   1,   0,   0,   0,   1};
constexpr std::size_t kSnappyBlock = 32 << 10;      // of input; what Java makes
constexpr std::size_t kSnappyBlockMax = 256 << 20;  // inflated; one node of Java's is one write

BytesView snappy_header() {
    return std::as_bytes(std::span(kSnappyHeader));
}

class SnappyInflater final : public Inflater {
 public:
    bool add(BytesView piece, Bytes& out) override {
        x_held.insert(x_held.end(), piece.begin(), piece.end());
        std::size_t used = 0;
        if (!x_begun) {
            if (x_held.size() < kSnappyHeader.size()) {
                return true;
            }
            // The versions that follow the magic number do not change how blocks are read.
            const std::size_t magic = kSnappyHeader.size() / 2;
            if (!std::ranges::equal(BytesView(x_held).first(magic), snappy_header().first(magic))) {
                return false;
            }
            x_begun = true;
            used = kSnappyHeader.size();
        }
        while (true) {
            wire::Reader in(BytesView(x_held).subspan(used));
            const std::int32_t size = in.int32();
            if (!in.ok()) {
                break;
            }
            if (size <= 0 || static_cast<std::size_t>(size) > kSnappyBlockMax) {
                return false;
            }
            if (in.remaining() < static_cast<std::size_t>(size)) {
                break;
            }
            if (!inflate(in.bytes(static_cast<std::size_t>(size)), out)) {
                return false;
            }
            used += in.position();
        }
        x_held.erase(x_held.begin(), x_held.begin() + static_cast<std::ptrdiff_t>(used));
        return true;
    }

 private:
    static bool inflate(BytesView block, Bytes& out) {
        const auto* bytes = reinterpret_cast<const char*>(block.data());
        std::size_t size = 0;
        if (!snappy::GetUncompressedLength(bytes, block.size(), &size) || size > kSnappyBlockMax ||
            !snappy::IsValidCompressedBuffer(bytes, block.size())) {
            return false;
        }
        const std::size_t before = out.size();
        out.resize(before + size);
        return snappy::RawUncompress(bytes, block.size(),
                                     reinterpret_cast<char*>(out.data() + before));
    }

    Bytes x_held;
    bool x_begun = false;
};

class SnappyDeflater final : public Deflater {
 public:
    void add(BytesView piece, Bytes& out) override {
        begin(out);
        x_held.insert(x_held.end(), piece.begin(), piece.end());
        BytesView left = x_held;
        while (left.size() >= kSnappyBlock) {
            write_block(left.first(kSnappyBlock), out);
            left = left.subspan(kSnappyBlock);
        }
        x_held = Bytes(left.begin(), left.end());
    }
    void finish(Bytes& out) override {
        begin(out);
        if (!x_held.empty()) {
            write_block(x_held, out);
        }
    }

 private:
    void begin(Bytes& out) {
        if (!x_begun) {
            x_begun = true;
            out.insert(out.end(), snappy_header().begin(), snappy_header().end());
        }
    }
    static void write_block(BytesView input, Bytes& out) {
        std::string block;
        snappy::Compress(reinterpret_cast<const char*>(input.data()), input.size(), &block);
        wire::Writer writer;
        writer.int32(static_cast<std::int32_t>(block.size()));
        writer.text(block);
        const Bytes framed = writer.take();
        out.insert(out.end(), framed.begin(), framed.end());
    }

    Bytes x_held;
    bool x_begun = false;
};

}  // namespace

std::unique_ptr<Inflater> make_inflater(SnapshotCompression compression) {
    switch (compression) {
        case SnapshotCompression::none:
            return nullptr;
        case SnapshotCompression::gzip:
            return std::make_unique<GzipInflater>();
        case SnapshotCompression::snappy:
            return std::make_unique<SnappyInflater>();
    }
    UNREACHABLE();
}

std::unique_ptr<Deflater> make_deflater(SnapshotCompression compression) {
    switch (compression) {
        case SnapshotCompression::none:
            return nullptr;
        case SnapshotCompression::gzip:
            return std::make_unique<GzipDeflater>();
        case SnapshotCompression::snappy:
            return std::make_unique<SnappyDeflater>();
    }
    UNREACHABLE();
}

}  // namespace millrace::coordinator::storage
