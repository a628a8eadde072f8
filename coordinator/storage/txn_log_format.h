// The bytes of a transaction log file, as Apache ZooKeeper writes and reads them.
//   file:   int magic "ZKLG", int version 2, long 0; then records; then zeros, which a log file is filled with ahead
//   record: long adler32 of the payload, int size of the payload, payload (TxnEntry), 'B'
#pragma once

#include <array>
#include <cstdint>

#include "coordinator/storage/txn_record.h"
#include "lib/base/bytes.h"
#include "lib/wire/writer.h"

namespace millrace::coordinator::storage {

constexpr std::size_t kLogHeaderSize = 16;
constexpr std::size_t kRecordHeadSize = 12;                    // checksum and size
constexpr std::size_t kRecordFrameSize = kRecordHeadSize + 1;  // with the closing byte
constexpr std::byte kRecordEnd{'B'};

std::array<std::byte, kLogHeaderSize> log_header();
// False unless bytes begin with the header of a log file.
bool is_log_header(BytesView bytes);

void write_record(wire::Writer& out, const TxnEntry& entry);

// What stands at the start of bytes. Bytes end where the file ends.
enum class RecordState {
    valid,
    padding,  // zeros where a record would begin, or nothing at all
    damaged,  // anything else
};
struct RecordView {
    RecordState state = RecordState::padding;
    BytesView payload;  // of a valid record
};
RecordView read_record(BytesView bytes);

// The place of the first valid record after the start of bytes; bytes.size() when there is none.
std::size_t find_record(BytesView bytes);

}  // namespace millrace::coordinator::storage
