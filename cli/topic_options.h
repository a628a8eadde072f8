// The command line of kafka-topics.sh: what may be given, with which action, and what Java's tool says when it may not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"

namespace millrace::cli {

extern const Usage kTopicsUsage;

// What Java's tool checks before it connects: the message, or nothing.
std::optional<std::string> topics_misuse(const Options& options);

// "1:2,2:3": the brokers of each partition. Errors: invalid_argument, as Java's tool words it.
Result<std::vector<std::vector<std::int32_t>>> parse_assignment(std::string_view text);

// "name=value" of a setting. Errors: invalid_argument.
Result<std::pair<std::string, std::string>> parse_setting(const std::string& text);

// The numbers of --create and --alter; nothing where they are not given. Errors: invalid_argument.
Result<std::optional<std::int32_t>> partitions_of(const Options& options);
Result<std::optional<std::int16_t>> replication_factor_of(const Options& options);

}  // namespace millrace::cli
