#include "lib/zk/session_password.h"

namespace millrace::zk {
namespace {

constexpr std::uint64_t kSecret = 0xB3415C00;

// java.util.Random: a 48-bit linear congruential generator whose upper 32 bits are the output.
constexpr std::uint64_t kMultiplier = 0x5DEECE66D;
constexpr std::uint64_t kIncrement = 0xB;
constexpr std::uint64_t kMask = (std::uint64_t{1} << 48) - 1;

}  // namespace

SessionPassword session_password(std::int64_t session_id) {
    std::uint64_t state =
        ((static_cast<std::uint64_t>(session_id) ^ kSecret) ^ kMultiplier) & kMask;
    SessionPassword password{};
    for (std::size_t i = 0; i < password.size(); i += 4) {
        state = (state * kMultiplier + kIncrement) & kMask;
        const auto output = static_cast<std::uint32_t>(state >> 16);
        for (std::size_t j = 0; j < 4; ++j) {
            password[i + j] = static_cast<std::byte>((output >> (8 * j)) & 0xff);
        }
    }
    return password;
}

bool is_session_password(std::int64_t session_id, BytesView password) {
    const SessionPassword expected = session_password(session_id);
    if (password.size() != expected.size()) {
        return false;
    }
    std::byte difference{};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        difference |= expected[i] ^ password[i];
    }
    return difference == std::byte{};
}

}  // namespace millrace::zk
