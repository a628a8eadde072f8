// Writes corpora of random, well-formed messages, spread evenly over all messages: codec_corpus FOLDER.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "lib/kafka/samples.h"
#include "lib/zk/samples.h"

namespace millrace {
namespace {

constexpr std::size_t kFilesMax = 48;

void write_corpus(const std::filesystem::path& folder, const std::vector<tests::CodecProbe>& probes,
                  bool versioned) {
    std::filesystem::create_directories(folder);
    Random random(7);
    const std::size_t count = std::min(kFilesMax, probes.size());
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t index = i * probes.size() / count;
        const tests::CodecProbe& probe = probes[index];
        wire::Writer input;
        input.uint16(static_cast<std::uint16_t>(index));
        if (versioned) {
            input.uint8(static_cast<std::uint8_t>(probe.max_version - probe.min_version));
        }
        input.bytes(probe.sample(random, probe.max_version));
        std::ofstream file(folder / fmt::format("{:03}-{}", index, probe.name), std::ios::binary);
        file << as_text(input.view());
    }
}

}  // namespace
}  // namespace millrace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
        return 2;
    }
    const std::filesystem::path folder = arguments[1];
    millrace::write_corpus(folder / "jute_decode", millrace::tests::lib_zk_samples(), false);
    millrace::write_corpus(folder / "kafka_decode", millrace::tests::lib_kafka_samples(), true);
    return 0;
}
