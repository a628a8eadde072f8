// Bytes of a client, a server or a file, as any jute record.
#include "lib/zk/samples.h"
#include "tests/fuzz/codec_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const millrace::BytesView input(reinterpret_cast<const std::byte*>(data), size);
    millrace::fuzz::check_input(millrace::tests::lib_zk_samples(), input, false);
    return 0;
}
