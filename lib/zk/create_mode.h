// The flags of a create request.
#pragma once

#include <cstdint>
#include <optional>

namespace millrace::zk {

enum class CreateMode : std::int32_t {
    persistent = 0,
    ephemeral = 1,
    persistent_sequential = 2,
    ephemeral_sequential = 3,
    container = 4,
    persistent_with_ttl = 5,
    persistent_sequential_with_ttl = 6,
};

// Nothing for other numbers; the server answers bad_arguments then.
constexpr std::optional<CreateMode> create_mode_from(std::int32_t flags) {
    if (flags < 0 || flags > 6) {
        return std::nullopt;
    }
    return static_cast<CreateMode>(flags);
}

constexpr bool is_ephemeral(CreateMode mode) {
    return mode == CreateMode::ephemeral || mode == CreateMode::ephemeral_sequential;
}
constexpr bool is_sequential(CreateMode mode) {
    return mode == CreateMode::persistent_sequential || mode == CreateMode::ephemeral_sequential ||
           mode == CreateMode::persistent_sequential_with_ttl;
}
constexpr bool is_container(CreateMode mode) {
    return mode == CreateMode::container;
}
constexpr bool has_ttl(CreateMode mode) {
    return mode == CreateMode::persistent_with_ttl ||
           mode == CreateMode::persistent_sequential_with_ttl;
}

}  // namespace millrace::zk
