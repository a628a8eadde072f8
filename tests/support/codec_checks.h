// What must hold for every generated message, whatever it is (tests/support/codec_probe.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/codec_probe.h"

namespace millrace::tests {

// Each finds the first message and version that breaks the rule, "Fetch version 3", or nothing.

// Random values come back equal and encode to the same bytes.
std::string first_without_round_trip(const std::vector<CodecProbe>& probes, std::uint64_t seed,
                                     int runs);

// A frame cut short anywhere is malformed. Each cut is decoded from a buffer of exactly its size, so that a sanitizer sees a
// read beyond the end.
std::string first_accepting_a_cut(const std::vector<CodecProbe>& probes, std::uint64_t seed,
                                  int runs);

// A frame with one changed byte is either malformed, or decodes to a value that can be encoded and decoded again.
std::string first_unstable_after_damage(const std::vector<CodecProbe>& probes, std::uint64_t seed,
                                        int runs);

}  // namespace millrace::tests
