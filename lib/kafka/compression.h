// The four codecs of record batches, as the Java clients write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace millrace::kafka {

enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

// As compression.type spells it.
std::string_view name_of(Codec codec);
std::optional<Codec> codec_from_name(std::string_view name);

// The least and the greatest level that compression.<codec>.level may have, and the default.
// Codecs without levels have 0 for all three.
struct CompressionLevels {
    int least = 0;
    int greatest = 0;
    int standard = 0;
};
CompressionLevels levels_of(Codec codec);

// gzip: one member. snappy: Xerial framing, blocks of 32 KiB. lz4: one frame of independent 64 KiB
// blocks without checksums. zstd: one frame. The level is clamped to what the codec offers.
Bytes compress(Codec codec, BytesView bytes, int level);
inline Bytes compress(Codec codec, BytesView bytes) {
    return compress(codec, bytes, levels_of(codec).standard);
}

// The inverse; also takes raw snappy, several gzip members and several lz4 or zstd frames one after
// the other. Memory grows as bytes come out, never to a size that the input only claims.
// Errors: malformed; too_large when more than output_bytes_max would come out.
Result<Bytes> decompress(Codec codec, BytesView bytes, std::size_t output_bytes_max);

}  // namespace millrace::kafka
