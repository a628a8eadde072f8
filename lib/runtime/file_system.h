// Files. Calls block; on a loop thread use only those that do not touch the disk for long, send the
// rest to DiskPool. posix/ has the real one; tests/sim one that forgets at a crash what was not
// synced.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace millrace::runtime {

enum class OpenMode {
    read,        // must exist
    read_write,  // must exist
    create,      // read and write, made when absent, kept when present
    create_new,  // read and write, fails with already_exists
    truncate,    // read and write, emptied or made
};

// An open file. Offsets and sizes are in bytes. Errors: io_error, disk_full. After a failed sync
// the file must be given up: the kernel may have dropped the pages, and a second sync would lie.
class File {
 public:
    virtual ~File() = default;

    // Fills buffer from offset; fewer bytes only at the end of the file.
    virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) = 0;
    // Writes all bytes or fails; a part may have been written then.
    virtual Status write_at(std::uint64_t offset, BytesView bytes) = 0;
    // The pieces one after the other, in one system call where possible.
    virtual Status write_pieces_at(std::uint64_t offset, std::span<const BytesView> pieces) = 0;
    // fdatasync: data and the size are on the disk afterwards.
    virtual Status sync_data() = 0;
    virtual Status truncate(std::uint64_t size) = 0;
    virtual Result<std::uint64_t> size() = 0;
    // For sendfile; -1 when there is no descriptor (simulation).
    virtual int descriptor() const = 0;
};

struct DirectoryEntry {
    std::string name;  // without the directory
    bool is_directory = false;
    std::uint64_t size = 0;            // bytes; 0 for directories
    std::int64_t modified_millis = 0;  // wall clock
};

// An advisory lock on a file, held while this object lives and released by the kernel when the
// process dies.
class FileLock {
 public:
    virtual ~FileLock() = default;
};

class FileSystem {
 public:
    virtual ~FileSystem() = default;

    virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
    virtual bool exists(const std::string& path) = 0;
    // Sorted by name. Errors: not_found, io_error.
    virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;
    virtual Status make_directories(const std::string& path) = 0;
    // Durable only after sync_directory of the parent; atomic at once.
    virtual Status rename(const std::string& from, const std::string& to) = 0;
    // A file or an empty directory. Errors: not_found, io_error.
    virtual Status remove(const std::string& path) = 0;
    // A directory with everything in it.
    virtual Status remove_tree(const std::string& path) = 0;
    // fsync of a directory: creations, renames and removals in it are on the disk afterwards.
    virtual Status sync_directory(const std::string& path) = 0;
    virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
    // Errors: busy when another process (or another holder here) has it.
    virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

    // Whole small files (configuration, checkpoints). read_file refuses files above bytes_max with
    // too_large.
    Result<Bytes> read_file(const std::string& path, std::uint64_t bytes_max);
    // Makes the directory with all above it, and their entries durable. One that was there already may have been left by a
    // process that died before the sync: its entry is synced again where the parent may be opened.
    Status make_durable_directories(const std::string& path);
    // Writes path.tmp, syncs it, renames it over path and syncs the directory: readers see the old
    // or the new file.
    Status replace_file(const std::string& path, BytesView bytes);
};

// "a/b", with exactly one slash between.
std::string join_path(std::string_view directory, std::string_view name);

}  // namespace millrace::runtime
