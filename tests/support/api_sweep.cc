// Requests of every API in every version, for a test to throw at a broker: api_sweep SEED SAMPLES writes to standard output.
// Each begins with key, version (int16 each) and the length of the rest (int32), which is the frame as a broker reads it. For a
// version there is the smallest request, where zeros or ones decode as one, and SAMPLES random ones.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "lib/kafka/api_table.h"
#include "lib/kafka/request_frame.h"
#include "lib/kafka/samples.h"

namespace millrace::testing {
namespace {

constexpr std::size_t kSmallMax = 256;  // bytes that a smallest request may read

void write(const kafka::ApiInfo& api, std::int16_t version, BytesView body) {
    wire::Writer frame = kafka::begin_request({.key = static_cast<kafka::ApiKey>(api.key),
                                               .version = version,
                                               .correlation_id = 7,
                                               .client_id = "sweep"});
    frame.bytes(body);
    kafka::finish_frame(frame);
    const Bytes bytes = frame.take();
    wire::Writer entry;
    entry.int16(api.key);
    entry.int16(version);
    entry.int32(static_cast<std::int32_t>(bytes.size()));
    entry.bytes(bytes);
    const std::string_view text = as_text(entry.view());
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void write_all(std::uint64_t seed, int samples) {
    Random random(seed);
    const auto& probes = tests::lib_kafka_samples();
    for (const kafka::ApiInfo& api : kafka::all_apis()) {
        const std::string name = fmt::format("{}Request", api.name);
        const auto probe = std::ranges::find(probes, name, &tests::CodecProbe::name);
        if (probe == probes.end()) {
            std::fprintf(stderr, "there are no samples of %s\n", name.c_str());
            std::exit(1);
        }
        for (std::int16_t version = api.min_version; version <= api.max_version; ++version) {
            for (const std::byte fill : {std::byte{0}, std::byte{1}}) {
                if (const auto body = probe->recode(Bytes(kSmallMax, fill), version)) {
                    write(api, version, *body);
                }
            }
            for (int sample = 0; sample < samples; ++sample) {
                write(api, version, probe->sample(random, version));
            }
        }
    }
}

}  // namespace
}  // namespace millrace::testing

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: api_sweep SEED SAMPLES\n");
        return 2;
    }
    millrace::testing::write_all(std::strtoull(argv[1], nullptr, 10), std::atoi(argv[2]));
    return 0;
}
