// Records as kafka-console-consumer.sh prints them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/kafka/record.h"

namespace millrace::cli {

// What the bytes of a key or a value are: text is printed as it is, numbers are big-endian.
enum class FieldType { text, int16, int32, int64 };

struct RecordFormat {
    bool timestamp = false;
    bool partition = false;
    bool offset = false;
    bool headers = false;
    bool key = false;
    bool value = true;
    FieldType key_type = FieldType::text;
    FieldType value_type = FieldType::text;
    std::string key_separator = "\t";
    std::string line_separator = "\n";
    std::string headers_separator = ",";
    std::string null_literal = "null";
};

// One property of the formatter, "print.key" or "key.separator". Errors: unsupported for one that is not known, and for a
// deserializer that is none of Kafka's for strings, shorts, integers and longs.
Status set_property(RecordFormat& format, std::string_view name, std::string_view value);

// Appends the record with its line end; nothing at all when no part of it is printed. Errors: malformed when a key or a value
// is not as long as its type.
Status append_record(std::string& out, const RecordFormat& format, std::int32_t partition,
                     kafka::TimestampType timestamp_type, const kafka::Record& record);

}  // namespace millrace::cli
