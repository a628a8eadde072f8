#include "coordinator/storage/snapshot_source.h"

#include "lib/wire/adler32.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::size_t kReadSize = 1 << 20;
// Deflate makes at most a thousand bytes of one, and all that comes out of one piece is held.
constexpr std::size_t kCompressedReadSize = 16 << 10;

}  // namespace

SnapshotSource::SnapshotSource(std::unique_ptr<runtime::File> file, const SnapshotFile& snapshot)
    : x_file(std::move(file)),
      x_path(snapshot.path),
      x_inflater(make_inflater(snapshot.compression)) {}
SnapshotSource::~SnapshotSource() = default;
SnapshotSource::SnapshotSource(SnapshotSource&&) noexcept = default;
SnapshotSource& SnapshotSource::operator=(SnapshotSource&&) noexcept = default;

Result<SnapshotSource> SnapshotSource::open(runtime::FileSystem& files,
                                            const SnapshotFile& snapshot) {
    return SnapshotSource(TRY(files.open(snapshot.path, runtime::OpenMode::read)), snapshot);
}

Result<bool> SnapshotSource::fill() {
    Bytes piece(x_inflater ? kCompressedReadSize : kReadSize);
    const std::size_t got = TRY(x_file->read_at(x_file_position, piece));
    if (got == 0) {
        return false;
    }
    x_file_position += got;
    if (!x_inflater) {
        x_buffer.insert(x_buffer.end(), piece.begin(),
                        piece.begin() + static_cast<std::ptrdiff_t>(got));
    } else if (!x_inflater->add(BytesView(piece).first(got), x_buffer)) {
        return fail(Errc::malformed, x_path + " is not compressed as its name says");
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
