#include "coordinator/storage/snapshot_source.h"

#include <zlib.h>

#include "lib/wire/adler32.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::size_t kReadSize = 1 << 20;
constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, and a gzip header is expected

}  // namespace

class Inflater {
 public:
    Inflater() { x_ready = inflateInit2(&x_stream, kGzipWindow) == Z_OK; }
    ~Inflater() { inflateEnd(&x_stream); }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    // Appends what the input inflates to.
    bool inflate_into(std::span<std::byte> input, Bytes& out) {
        x_stream.next_in = reinterpret_cast<Bytef*>(input.data());
        x_stream.avail_in = static_cast<uInt>(input.size());
        while (x_ready && x_stream.avail_in > 0) {
            const std::size_t before = out.size();
            out.resize(before + kReadSize);
            x_stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
            x_stream.avail_out = static_cast<uInt>(kReadSize);
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

SnapshotSource::SnapshotSource(std::unique_ptr<runtime::File> file, const SnapshotFile& snapshot)
    : x_file(std::move(file)), x_path(snapshot.path) {
    if (snapshot.compression == SnapshotCompression::gzip) {
        x_inflater = std::make_unique<Inflater>();
    }
}
SnapshotSource::~SnapshotSource() = default;
SnapshotSource::SnapshotSource(SnapshotSource&&) noexcept = default;
SnapshotSource& SnapshotSource::operator=(SnapshotSource&&) noexcept = default;

Result<SnapshotSource> SnapshotSource::open(runtime::FileSystem& files,
                                            const SnapshotFile& snapshot) {
    if (snapshot.compression == SnapshotCompression::snappy) {
        return fail(Errc::unsupported,
                    snapshot.path +
                        " is compressed with snappy, which is not read here; let the Java server "
                        "write one with snapshot.compression.method unset or gz");
    }
    return SnapshotSource(TRY(files.open(snapshot.path, runtime::OpenMode::read)), snapshot);
}

Result<bool> SnapshotSource::fill() {
    Bytes piece(kReadSize);
    const std::size_t got = TRY(x_file->read_at(x_file_position, piece));
    if (got == 0) {
        return false;
    }
    x_file_position += got;
    if (!x_inflater) {
        x_buffer.insert(x_buffer.end(), piece.begin(),
                        piece.begin() + static_cast<std::ptrdiff_t>(got));
    } else if (!x_inflater->inflate_into(std::span(piece).first(got), x_buffer)) {
        return fail(Errc::malformed, x_path + " is no valid gzip file");
    }
    return true;
}

Result<BytesView> SnapshotSource::take(std::size_t count) {
    if (x_buffer.size() - x_taken < count) {
        x_buffer.erase(x_buffer.begin(), x_buffer.begin() + static_cast<std::ptrdiff_t>(x_taken));
        x_taken = 0;
        while (x_buffer.size() < count) {
            if (!TRY(fill())) {
                return fail(Errc::malformed, fmt::format("{} ends before it is complete", x_path));
            }
        }
    }
    const BytesView bytes = BytesView(x_buffer).subspan(x_taken, count);
    x_taken += count;
    x_checksum = wire::adler32(bytes, x_checksum);
    return bytes;
}

Result<bool> SnapshotSource::at_end() {
    while (x_taken == x_buffer.size()) {
        if (!TRY(fill())) {
            return true;
        }
    }
    return false;
}

}  // namespace millrace::coordinator::storage
