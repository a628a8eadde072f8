// Test-only: one generated message behind function pointers, so that a test or a fuzz target visits all of them by index.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/random.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::tests {

struct CodecProbe {
    std::string_view name;
    std::int16_t min_version = 0;  // both 0 in the jute profile
    std::int16_t max_version = 0;
    // A random value that the version can carry, encoded.
    Bytes (*sample)(Random& random, std::int16_t version) = nullptr;
    // Decodes and encodes again. Nothing when the bytes are malformed; bytes behind the message are ignored.
    std::optional<Bytes> (*recode)(BytesView bytes, std::int16_t version) = nullptr;
    // random value -> bytes -> equal value, all bytes consumed -> the same bytes.
    bool (*round_trips)(Random& random, std::int16_t version) = nullptr;
};

template <class T>
concept Versioned = requires { T::kMinVersion; };

template <class T>
Bytes encode_value(const T& value, [[maybe_unused]] std::int16_t version) {
    wire::Writer writer;
    if constexpr (Versioned<T>) {
        value.encode(writer, version);
    } else {
        value.encode(writer);
    }
    return writer.take();
}

template <class T>
auto decode_value(wire::Reader& reader, [[maybe_unused]] std::int16_t version) {
    if constexpr (Versioned<T>) {
        return T::decode(reader, version);
    } else {
        return T::decode(reader);
    }
}

// Fill puts random values into the fields that the version carries.
template <class T, void (*Fill)(Random&, T&, std::int16_t, bool)>
CodecProbe probe_of(std::string_view name) {
    CodecProbe probe;
    probe.name = name;
    if constexpr (Versioned<T>) {
        probe.min_version = T::kMinVersion;
        probe.max_version = T::kMaxVersion;
    }
    static constexpr auto kMake = [](Random& random, std::int16_t version) {
        T value;
        if constexpr (Versioned<T>) {
            Fill(random, value, version, version >= T::kFirstFlexible);
        } else {
            Fill(random, value, version, false);
        }
        return value;
    };
    probe.sample = [](Random& random, std::int16_t version) {
        return encode_value(kMake(random, version), version);
    };
    probe.recode = [](BytesView bytes, std::int16_t version) -> std::optional<Bytes> {
        wire::Reader reader(bytes);
        const auto value = decode_value<T>(reader, version);
        if (!value) {
            return std::nullopt;
        }
        return encode_value(*value, version);
    };
    probe.round_trips = [](Random& random, std::int16_t version) {
        const T value = kMake(random, version);
        const Bytes bytes = encode_value(value, version);
        wire::Reader reader(bytes);
        const auto again = decode_value<T>(reader, version);
        return again && reader.at_end() && *again == value &&
               encode_value(*again, version) == bytes;
    };
    return probe;
}

}  // namespace millrace::tests
