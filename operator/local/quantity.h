// Kubernetes quantities ("10Gi", "500m", "1e3"): exact to one billionth. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::kube_operator::local {

__extension__ typedef __int128 Int128;

class Quantity {
 public:
    Quantity() = default;
    // Nothing when the text is no quantity or is beyond 10^28.
    static std::optional<Quantity> parse(std::string_view text);
    static Quantity from_integer(std::int64_t value);

    auto operator<=>(const Quantity&) const = default;
    // Nothing when the result is beyond what fits.
    std::optional<Quantity> operator+(Quantity other) const;
    std::optional<Quantity> operator-(Quantity other) const;

    bool is_integer() const;
    // Rounded towards zero; nothing when it does not fit.
    std::optional<std::int64_t> as_integer() const;
    double as_double() const;
    int sign() const { return x_nanos > 0 ? 1 : x_nanos < 0 ? -1 : 0; }

 private:
    Int128 x_nanos = 0;
};

}  // namespace millrace::kube_operator::local
