// Records as kafka-console-consumer.sh prints them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/kafka/record.h"

namespace millrace::cli {

struct RecordFormat {
    bool timestamp = false;
    bool partition = false;
    bool offset = false;
    bool headers = false;
    bool key = false;
    bool value = true;
    std::string key_separator = "\t";
    std::string line_separator = "\n";
    std::string headers_separator = ",";
    std::string null_literal = "null";
};

// One property of the formatter, "print.key" or "key.separator". Errors: invalid_argument for one that is not known.
Status set_property(RecordFormat& format, std::string_view name, std::string_view value);

// Appends the record with its line end.
void append_record(std::string& out, const RecordFormat& format, std::int32_t partition,
                   kafka::TimestampType timestamp_type, const kafka::Record& record);

}  // namespace millrace::cli
