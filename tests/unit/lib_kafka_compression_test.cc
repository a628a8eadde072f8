#include <catch2/catch.hpp>

#include "lib/base/random.h"
#include "lib/kafka/compression.h"

using namespace millrace;
using namespace millrace::kafka;

namespace {

Codec any_codec() {
    return GENERATE(Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd);
}

// Half of it repeats, half is noise.
Bytes sample(std::size_t size) {
    Random random(size + 1);
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = (i / 512) % 2 == 0 ? std::byte{'a'} : static_cast<std::byte>(random.below(256));
    }
    return bytes;
}

}  // namespace

TEST_CASE("every codec gives back what it was given") {
    const Codec codec = any_codec();
    const std::size_t size = GENERATE(0U, 1U, 1000U, 32768U, 200'000U);
    const Bytes bytes = sample(size);
    const Result<Bytes> back = decompress(codec, compress(codec, bytes), size);
    REQUIRE(back.has_value());
    REQUIRE(*back == bytes);
}

TEST_CASE("levels at both ends work") {
    const Codec codec = GENERATE(Codec::gzip, Codec::lz4, Codec::zstd);
    const auto [least, greatest, standard] = levels_of(codec);
    const Bytes bytes = sample(5000);
    for (const int level : {least - 1, least, standard, greatest, greatest + 1}) {
        REQUIRE(decompress(codec, compress(codec, bytes, level), 5000).value() == bytes);
    }
}

TEST_CASE("output beyond the limit is refused, also by one byte") {
    const Codec codec = any_codec();
    const Bytes small = compress(codec, sample(100'000));
    REQUIRE(decompress(codec, small, 99'999).error().code == Errc::too_large);
    REQUIRE(decompress(codec, small, 0).error().code == Errc::too_large);
    REQUIRE(decompress(codec, small, 100'000).has_value());
}

TEST_CASE("a bomb is stopped at the limit") {
    const Codec codec = GENERATE(Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd);
    const Bytes bomb = compress(codec, Bytes(8 << 20));
    REQUIRE(decompress(codec, bomb, 1 << 16).error().code == Errc::too_large);
}

TEST_CASE("compressed data that is cut short is malformed") {
    const Codec codec = GENERATE(Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd);
    const Bytes whole = compress(codec, sample(3000));
    for (const std::size_t kept : {whole.size() - 1, whole.size() / 2}) {
        const BytesView part = BytesView(whole).first(kept);
        REQUIRE(decompress(codec, part, 1 << 20).error().code == Errc::malformed);
    }
}

TEST_CASE("noise is malformed, never a crash") {
    const Codec codec = GENERATE(Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd);
    Random random(3);
    for (int round = 0; round < 200; ++round) {
        Bytes noise(random.below(200) + 1);
        for (std::byte& value : noise) {
            value = static_cast<std::byte>(random.below(256));
        }
        const Result<Bytes> out = decompress(codec, noise, 1 << 16);
        REQUIRE((out.has_value() ? out->size() <= (1 << 16) : !out.error().message.empty()));
    }
}

TEST_CASE("snappy is read without the Xerial frame, as some clients write it") {
    // One literal of 5 bytes: size 5, tag (5 - 1) << 2.
    const Bytes raw = from_hex("0510");
    Bytes block = raw;
    const BytesView text = as_bytes("hello");
    block.insert(block.end(), text.begin(), text.end());
    REQUIRE(decompress(Codec::snappy, block, 100).value() == to_bytes("hello"));
}

TEST_CASE("several gzip members follow one another") {
    Bytes two = compress(Codec::gzip, as_bytes("one "));
    const Bytes second = compress(Codec::gzip, as_bytes("two"));
    two.insert(two.end(), second.begin(), second.end());
    REQUIRE(decompress(Codec::gzip, two, 100).value() == to_bytes("one two"));
}

TEST_CASE("codec names are those of compression.type") {
    REQUIRE(codec_from_name("zstd") == Codec::zstd);
    REQUIRE(codec_from_name("none") == Codec::none);
    REQUIRE(!codec_from_name("producer").has_value());
    REQUIRE(name_of(Codec::lz4) == "lz4");
}
