// Reads the records of one transaction log file from its start.
//
// A file may end in a torn write: a batch of which the disk kept only some sectors when the machine failed. Sectors that did
// not arrive read as zeros, since log files are filled with zeros ahead, and nothing is acknowledged before a batch is
// durable. So a damaged record with a sector of zeros, and with nothing valid further behind it than one batch can reach,
// ends the file. Every other damage is corruption of something acknowledged and is refused: better no server than one that
// forgets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "coordinator/storage/txn_record.h"
#include "lib/runtime/file_system.h"

namespace millrace::coordinator::storage {

class TxnLogReader {
 public:
    // A file without a whole header (the crash came before it was synced) has no records.
    // Errors: io_error, not_found, malformed (another kind of file).
    static Result<TxnLogReader> open(runtime::FileSystem& files, const std::string& path);

    // The next transaction, borrowed until the next call; nothing at the end of the file.
    // Errors: io_error, malformed (corruption, with the file and the offset), unsupported (a type without a record).
    Result<std::optional<TxnEntry>> next();

    // Where the record returned last begins, and where the next one would.
    std::uint64_t record_offset() const { return x_record_offset; }
    std::uint64_t position() const { return x_position; }
    // After the end: bytes of a torn write stand there.
    bool torn() const { return x_torn; }
    const std::string& path() const { return x_path; }

 private:
    TxnLogReader(std::unique_ptr<runtime::File> file, std::string path, std::uint64_t size)
        : x_file(std::move(file)), x_path(std::move(path)), x_size(size) {}

    // The bytes from x_position on: at least `wanted`, or all there are.
    Result<BytesView> ahead(std::size_t wanted);
    // Decides between a torn write and corruption.
    Status judge_damage();

    std::unique_ptr<runtime::File> x_file;
    std::string x_path;
    std::uint64_t x_size;  // of the file
    std::uint64_t x_position = 0;
    std::uint64_t x_record_offset = 0;
    Bytes x_buffer;
    std::uint64_t x_buffer_start = 0;  // place of the buffer's first byte in the file
    bool x_ended = false;
    bool x_torn = false;
};

}  // namespace millrace::coordinator::storage
