// Bytes of a client or a server, as the frames of ZooKeeper that are not single records. The first byte chooses: multi request,
// multi response, connect request, connect response.
#include "lib/base/check.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"
#include "lib/zk/connect.h"
#include "lib/zk/multi.h"

namespace millrace::zk {
namespace {

// A value that was decoded must encode, and come back equal.
template <class T>
void check_frame(BytesView bytes) {
    wire::Reader reader(bytes);
    const auto value = T::decode(reader);
    if (!value) {
        return;
    }
    wire::Writer writer;
    value->encode(writer);
    wire::Reader again(writer.view());
    const auto copy = T::decode(again);
    CHECK(copy.has_value() && *copy == *value && again.at_end());
}

void check_input(BytesView input) {
    wire::Reader reader(input);
    const std::uint8_t choice = reader.uint8() % 4;
    const BytesView frame = input.subspan(reader.position());
    if (choice == 0) {
        check_frame<MultiRequest>(frame);
    } else if (choice == 1) {
        check_frame<MultiResponse>(frame);
    } else if (choice == 2) {
        check_frame<ConnectRequestFrame>(frame);
    } else {
        check_frame<ConnectResponseFrame>(frame);
    }
}

}  // namespace
}  // namespace millrace::zk

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::zk::check_input({reinterpret_cast<const std::byte*>(data), size});
    return 0;
}
