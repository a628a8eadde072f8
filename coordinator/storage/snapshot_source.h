// The bytes of a snapshot file in order, inflated where it is compressed, with the checksum of what was taken so far.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "coordinator/storage/file_names.h"
#include "coordinator/storage/snapshot_compression.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/runtime/file_system.h"

namespace millrace::coordinator::storage {

class SnapshotSource {
 public:
    // Errors: io_error, not_found.
    static Result<SnapshotSource> open(runtime::FileSystem& files, const SnapshotFile& snapshot);
    ~SnapshotSource();
    SnapshotSource(SnapshotSource&&) noexcept;
    SnapshotSource& operator=(SnapshotSource&&) noexcept;

    // The next count bytes, borrowed until the next call. Grows its buffer only as bytes arrive.
    // Errors: malformed (the file ends first, or is not compressed as its name says), io_error.
    Result<BytesView> take(std::size_t count);
    // Whether nothing follows.
    Result<bool> at_end();

    // Adler-32 of all bytes taken.
    std::uint32_t checksum() const { return x_checksum; }

 private:
    SnapshotSource(std::unique_ptr<runtime::File> file, const SnapshotFile& snapshot);

    // Adds bytes to the buffer; false at the end of the file.
    Result<bool> fill();

    std::unique_ptr<runtime::File> x_file;
    std::string x_path;
    std::uint64_t x_file_position = 0;
    std::unique_ptr<Inflater> x_inflater;
    Bytes x_buffer;
    std::size_t x_taken = 0;  // bytes of the buffer that were taken
    std::uint32_t x_checksum = 1;
};

}  // namespace millrace::coordinator::storage
