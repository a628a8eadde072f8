// What an append to a log asks for and answers.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/bytes.h"
#include "lib/kafka/error_code.h"

namespace millrace::broker::log {

enum class AppendOrigin {
    client,  // everything is checked
    coordinator,  // written by this broker: control batches and compacted logs without producer checks are fine
};

struct LeaderAppend {
    BytesView records;  // one or more whole batches; borrowed for the call only
    std::int32_t leader_epoch = 0;
    AppendOrigin origin = AppendOrigin::client;
};

struct AppendResult {
    kafka::ErrorCode error = kafka::ErrorCode::none;
    std::string message;  // for the log and for error_message of the response; empty when none
    std::int64_t first_offset = -1;     // of the first batch
    std::int64_t last_offset = -1;      // of the last batch
    std::int64_t log_append_time = -1;  // milliseconds, -1 with CreateTime
    std::int64_t log_start_offset = -1;
    // True for a repetition of a batch that is in the log already: the offsets are those of then, nothing was written.
    bool duplicate = false;

    bool ok() const { return error == kafka::ErrorCode::none; }
};

}  // namespace millrace::broker::log
