// Entries of one fixed size in a file, in ascending order. The last ones stay in memory until a block is full or the file is
// sealed: an index is rebuilt after a crash, so it need not reach the disk early.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "broker/log/open_files.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace millrace::broker::log {

class IndexFile {
 public:
    IndexFile(OpenFiles& open_files, std::string path, std::size_t entry_bytes);

    // Takes over a file of file_bytes bytes. Errors: malformed when that is not a multiple of an entry.
    Status adopt(std::uint64_t file_bytes);
    // Starts empty; the file is made, or emptied. Errors: io_error, disk_full.
    Status reset();

    std::size_t count() const { return x_stored + x_tail.size() / x_entry_bytes; }
    Status append(BytesView entry);
    // Copies entry number `at`. Errors: io_error, malformed when the file is shorter than it was.
    Result<Bytes> entry(std::size_t at) const;
    // How many entries at the front satisfy the predicate, which holds for a first part and then no more.
    Result<std::size_t> count_while(const std::function<bool(BytesView)>& holds) const;
    // Keeps the first `count` entries.
    Status truncate(std::size_t count);
    // Writes what is in memory; the file then has exactly count() entries. Errors: io_error, disk_full.
    Status write_tail();

    const std::string& path() const { return x_path; }
    void set_path(std::string path) { x_path = std::move(path); }

 private:
    OpenFiles& x_open_files;
    std::string x_path;
    std::size_t x_entry_bytes;
    std::size_t x_stored = 0;  // entries in the file
    Bytes x_tail;              // at most kTailBytesMax
};

}  // namespace millrace::broker::log
