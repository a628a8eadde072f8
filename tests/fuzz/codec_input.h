// How the inputs of the codec targets are laid out, for the targets and for the program that writes their first corpora.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/check.h"
#include "tests/fuzz/memory_meter.h"
#include "tests/support/codec_probe.h"

namespace millrace::fuzz {

// Decodes the bytes as the given message. A value that was decoded must encode, and its bytes must be a fixed point.
inline void check_codec(const tests::CodecProbe& probe, std::int16_t version, BytesView bytes) {
    // An element of one byte, tagged fields alone, is a struct of some hundred.
    constexpr std::size_t kMemoryFactor = 512;
    const MemoryMeter meter;
    const std::optional<Bytes> once = probe.recode(bytes, version);
    meter.check(bytes.size(), kMemoryFactor);
    if (once) {
        CHECK(probe.recode(*once, version) == once, "encoding changed on the second pass");
    }
}

// versioned: a byte behind the index chooses the version, modulo one more than there are, so that one is outside.
inline void check_input(const std::vector<tests::CodecProbe>& probes, BytesView input,
                        bool versioned) {
    wire::Reader reader(input);
    const std::size_t index = reader.uint16();
    const std::uint8_t choice = versioned ? reader.uint8() : std::uint8_t{0};
    if (!reader.ok()) {
        return;
    }
    const tests::CodecProbe& probe = probes[index % probes.size()];
    const int version = probe.min_version + choice % (probe.max_version - probe.min_version + 2);
    check_codec(probe, static_cast<std::int16_t>(version), input.subspan(reader.position()));
}

}  // namespace millrace::fuzz
