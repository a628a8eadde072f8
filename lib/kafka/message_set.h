// Messages of magic 0 and 1, the formats before record batches (Kafka 0.11). Clients with old settings still write and read
// them, in Produce 0 to 2 and Fetch 0 to 3; logs hold batches of magic 2 alone. What goes from one format to the other is
// copied: offsets, times, keys and values stay, headers do not fit into the old formats.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch.h"

namespace millrace::kafka {

// Walks the messages of a set one after the other. A message may be a wrapper around a compressed set of its own: then the
// messages inside are what comes, inflated a wrapper at a time.
class MessageSetReader {
 public:
    // set outlives the reader. inflated_bytes_max bounds what one wrapper may become.
    MessageSetReader(BytesView set, std::size_t inflated_bytes_max);

    // False at the end, at a last message that is cut short (a Fetch answer may end so), and at the first damage; status()
    // tells which. The record is valid until the next call.
    bool next();
    // Without headers. Messages of magic 0 have no time.
    const Record& record() const { return x_record; }
    TimestampType timestamp_type() const { return x_timestamp_type; }
    // Of the wrapper the record lies in.
    Codec codec() const { return x_codec; }
    // Errors: malformed (a wrong checksum, a length or an attribute that cannot be), too_large, unsupported (zstd, and
    // batches of magic 2).
    const Status& status() const { return x_status; }

 private:
    struct Message;
    bool next_inner();
    bool open_wrapper(const Message& wrapper);
    bool damaged(Error error);
    void show(const Message& message);

    BytesView x_rest;
    std::size_t x_inflated_bytes_max;
    Bytes x_inflated;
    BytesView x_inner_rest;  // of the wrapper that is open
    std::int8_t x_wrapper_magic = 0;
    std::int64_t x_inner_base = 0;
    std::optional<std::int64_t> x_append_time;  // of a wrapper: holds for all messages inside
    Record x_record;
    TimestampType x_timestamp_type = TimestampType::create_time;
    Codec x_codec = Codec::none;
    Status x_status;
};

// One batch of magic 2 with the messages of a set in their order, offsets from 0, compressed as the last wrapper was; empty
// without messages. Errors: as MessageSetReader::status().
Result<Bytes> batch_of_message_set(BytesView set, std::size_t inflated_bytes_max);

struct OldFormat {
    std::int8_t magic = 1;
    // Uncompressed messages below it are left out; the first batch of a Fetch may begin before the offset asked for.
    std::int64_t first_offset = 0;
    std::size_t inflated_bytes_max = 0;
};
// A message set with the records of whole batches of any magic: control batches are left out, what is old enough stays as
// it is. It ends before a batch of zstd, which no client of these formats knows. Errors: malformed, too_large, unsupported
// (the first batch is of zstd).
Result<Bytes> message_set_of_batches(BytesView batches, const OldFormat& format);

}  // namespace millrace::kafka
