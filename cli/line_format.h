// How kafka-console-producer.sh makes a message of a line: value, or key and value, with or without headers before them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/producer.h"
#include "lib/base/result.h"

namespace millrace::cli {

struct LineFormat {
    bool parse_key = false;
    bool parse_headers = false;
    bool ignore_error = false;  // what lacks a separator is taken as a value
    std::string key_separator = "\t";
    std::string headers_delimiter = "\t";  // behind the headers
    std::string headers_separator = ",";   // between two of them
    std::string header_key_separator = ":";
    std::optional<std::string> null_marker;  // a part of exactly this text is null
};

// One property of the reader, "parse.key" or "key.separator". Errors: unsupported for one that is not known.
Status set_property(LineFormat& format, std::string_view name, std::string_view value);
// Errors: invalid_argument when separators are empty or cannot be told apart.
Status check(const LineFormat& format);

// The message borrows from the line and the format. number counts lines from 1. Errors: malformed when a separator is
// missing.
Result<Message> message_of(const LineFormat& format, std::string_view line, std::uint64_t number);

}  // namespace millrace::cli
