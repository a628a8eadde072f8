// Integers that cannot be mixed up: every id, epoch, offset and version is a type of its own.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace millrace {

// using BrokerId = StrongId<struct BrokerIdTag, std::int32_t>;
template <class Tag, class Rep>
class StrongId {
 public:
    constexpr StrongId() = default;
    constexpr explicit StrongId(Rep value) : x_value(value) {}
    constexpr Rep value() const { return x_value; }
    constexpr auto operator<=>(const StrongId&) const = default;
    constexpr StrongId next() const { return StrongId(static_cast<Rep>(x_value + 1)); }

 private:
    Rep x_value{};
};

}  // namespace millrace

template <class Tag, class Rep>
struct std::hash<millrace::StrongId<Tag, Rep>> {
    std::size_t operator()(millrace::StrongId<Tag, Rep> id) const noexcept {
        return std::hash<Rep>()(id.value());
    }
};
