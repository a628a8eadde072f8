#include "lib/base/random.h"
#include "lib/wire/adler32.h"
#include "lib/wire/crc32c.h"

namespace millrace::wire {

TEST_CASE("crc32c of the check string of RFC 3720") {
    REQUIRE(crc32c(as_bytes("123456789")) == 0xe3069283U);
    REQUIRE(crc32c_portable(as_bytes("123456789")) == 0xe3069283U);
}

TEST_CASE("hardware and portable crc32c agree at every length and split") {
    Random random(7);
    Bytes bytes(5000);
    for (std::byte& b : bytes) {
        b = static_cast<std::byte>(random.next());
    }
    for (const std::size_t size : {0UL, 1UL, 7UL, 8UL, 9UL, 2047UL, 2048UL, 2049UL, 5000UL}) {
        const BytesView view = BytesView(bytes).first(size);
        REQUIRE(crc32c(view) == crc32c_portable(view));
        const std::size_t half = size / 3;
        REQUIRE(crc32c(view.subspan(half), crc32c(view.first(half))) == crc32c(view));
    }
}

TEST_CASE("adler32 of the example in RFC 1950's usual test") {
    REQUIRE(adler32(as_bytes("Wikipedia")) == 0x11e60398U);
}

}  // namespace millrace::wire
