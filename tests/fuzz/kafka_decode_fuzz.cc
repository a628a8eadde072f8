// Bytes of a client, a broker or an internal topic, as any Kafka message.
#include "lib/kafka/samples.h"
#include "tests/fuzz/codec_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const millrace::BytesView input(reinterpret_cast<const std::byte*>(data), size);
    millrace::fuzz::check_input(millrace::tests::lib_kafka_samples(), input, true);
    return 0;
}
