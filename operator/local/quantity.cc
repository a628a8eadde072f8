#include "operator/local/quantity.h"

namespace millrace::kube_operator::local {
namespace {

constexpr std::int64_t kNano = 1'000'000'000;

struct Suffix {
    std::string_view text;
    Int128 factor;  // of nanos
};

Int128 power(Int128 base, int exponent) {
    Int128 out = 1;
    for (int i = 0; i < exponent; ++i) {
        out *= base;
    }
    return out;
}

std::optional<Int128> factor_of(std::string_view suffix) {
    static const std::array<Suffix, 16> kSuffixes = {{
        {"", kNano},
        {"n", 1},
        {"u", 1000},
        {"m", 1'000'000},
        {"k", power(10, 12)},
        {"M", power(10, 15)},
        {"G", power(10, 18)},
        {"T", power(10, 21)},
        {"P", power(10, 24)},
        {"E", power(10, 27)},
        {"Ki", kNano * power(2, 10)},
        {"Mi", kNano * power(2, 20)},
        {"Gi", kNano * power(2, 30)},
        {"Ti", kNano * power(2, 40)},
        {"Pi", kNano * power(2, 50)},
        {"Ei", kNano * power(2, 60)},
    }};
    for (const Suffix& one : kSuffixes) {
        if (one.text == suffix) {
            return one.factor;
        }
    }
    if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) {
        return std::nullopt;
    }
    int exponent = 0;
    const char* last = suffix.data() + suffix.size();
    const char* first = suffix.data() + (suffix[1] == '+' ? 2 : 1);
    const auto read = std::from_chars(first, last, exponent);
    if (read.ec != std::errc() || read.ptr != last || exponent > 18 || exponent < -9) {
        return std::nullopt;
    }
    return power(10, exponent + 9);
}

bool digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

std::optional<Quantity> Quantity::parse(std::string_view text) {
    constexpr std::size_t kDigitsMax = 18;
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) {
        text.remove_prefix(1);
    }
    Int128 digits = 0;
    std::size_t count = 0;
    int decimals = 0;
    std::size_t at = 0;
    bool after_point = false;
    for (; at < text.size() && (digit(text[at]) || (text[at] == '.' && !after_point)); ++at) {
        if (text[at] == '.') {
            after_point = true;
            continue;
        }
        if (++count > kDigitsMax) {
            return std::nullopt;
        }
        digits = digits * 10 + (text[at] - '0');
        decimals += after_point ? 1 : 0;
    }
    const std::optional<Int128> factor = factor_of(text.substr(at));
    if (count == 0 || !factor) {
        return std::nullopt;
    }
    constexpr Int128 kLargest = Int128{1} << 126;
    if (digits != 0 && *factor > kLargest / digits) {
        return std::nullopt;
    }
    Quantity out;
    const Int128 scale = power(10, decimals);
    // Fractions below one billionth are rounded up, as the API does.
    out.x_nanos = (digits * *factor + scale - 1) / scale;
    out.x_nanos = negative ? -out.x_nanos : out.x_nanos;
    return out;
}

Quantity Quantity::from_integer(std::int64_t value) {
    Quantity out;
    out.x_nanos = Int128{value} * kNano;
    return out;
}

std::optional<Quantity> Quantity::operator+(Quantity other) const {
    Quantity out;
    const bool overflow = __builtin_add_overflow(x_nanos, other.x_nanos, &out.x_nanos);
    return overflow ? std::nullopt : std::optional(out);
}
std::optional<Quantity> Quantity::operator-(Quantity other) const {
    Quantity out;
    const bool overflow = __builtin_sub_overflow(x_nanos, other.x_nanos, &out.x_nanos);
    return overflow ? std::nullopt : std::optional(out);
}

bool Quantity::is_integer() const {
    return x_nanos % kNano == 0;
}

std::optional<std::int64_t> Quantity::as_integer() const {
    const Int128 whole = x_nanos / kNano;
    if (whole > std::numeric_limits<std::int64_t>::max() ||
        whole < std::numeric_limits<std::int64_t>::min()) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(whole);
}

double Quantity::as_double() const {
    return static_cast<double>(x_nanos) / double{kNano};
}

}  // namespace millrace::kube_operator::local
