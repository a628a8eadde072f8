#include "tests/support/codec_checks.h"

#include <fmt/format.h>

#include <functional>

namespace millrace::tests {
namespace {

// Runs the check on every message in every version, and names the first for which it fails.
std::string first_failing(const std::vector<CodecProbe>& probes, int runs,
                          const std::function<bool(const CodecProbe&, std::int16_t)>& holds) {
    for (const CodecProbe& probe : probes) {
        for (std::int16_t version = probe.min_version; version <= probe.max_version; ++version) {
            for (int run = 0; run < runs; ++run) {
                if (!holds(probe, version)) {
                    return fmt::format("{} version {}", probe.name, version);
                }
            }
        }
    }
    return {};
}

bool refuses_all_cuts(const CodecProbe& probe, std::int16_t version, const Bytes& whole) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        if (probe.recode(cut, version)) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::string first_without_round_trip(const std::vector<CodecProbe>& probes, std::uint64_t seed,
                                     int runs) {
    Random random(seed);
    return first_failing(probes, runs, [&](const CodecProbe& probe, std::int16_t version) {
        return probe.round_trips(random, version);
    });
}

std::string first_accepting_a_cut(const std::vector<CodecProbe>& probes, std::uint64_t seed,
                                  int runs) {
    Random random(seed);
    return first_failing(probes, runs, [&](const CodecProbe& probe, std::int16_t version) {
        return refuses_all_cuts(probe, version, probe.sample(random, version));
    });
}

std::string first_unstable_after_damage(const std::vector<CodecProbe>& probes, std::uint64_t seed,
                                        int runs) {
    Random random(seed);
    return first_failing(probes, runs, [&](const CodecProbe& probe, std::int16_t version) {
        Bytes bytes = probe.sample(random, version);
        if (bytes.empty()) {
            return true;
        }
        bytes[random.below(bytes.size())] ^= static_cast<std::byte>(random.between(1, 255));
        const std::optional<Bytes> once = probe.recode(bytes, version);
        return !once || probe.recode(*once, version) == once;
    });
}

}  // namespace millrace::tests
