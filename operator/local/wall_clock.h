// Times as the API writes them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/time.h"

namespace millrace::kube_operator::local {

// "2026-01-31T12:34:56Z", with or without a fraction. Other forms give nothing.
std::optional<WallTime> parse_time(std::string_view text);

// An age as kubectl shows it: "5s", "3m20s", "2h", "4d3h". Negative times are "0s".
std::string age_text(std::int64_t millis);

// The age of a time stamp, or "<unknown>".
std::string age_since(std::string_view time, WallTime now);

}  // namespace millrace::kube_operator::local
