#include "operator/local/wall_clock.h"

namespace millrace::kube_operator::local {
namespace {

std::optional<int> number_at(std::string_view text, std::size_t from, std::size_t count) {
    int value = 0;
    const char* first = text.data() + from;
    const auto read = std::from_chars(first, first + count, value);
    return read.ec == std::errc() && read.ptr == first + count ? std::optional(value)
                                                               : std::nullopt;
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text) {
    constexpr std::size_t kShortest = 20;
    if (text.size() < kShortest || text[4] != '-' || text[10] != 'T' || !text.ends_with('Z')) {
        return std::nullopt;
    }
    std::array<int, 6> parts{};
    constexpr std::array<std::size_t, 6> kStarts = {0, 5, 8, 11, 14, 17};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::optional<int> value = number_at(text, kStarts[i], i == 0 ? 4 : 2);
        if (!value) {
            return std::nullopt;
        }
        parts[i] = *value;
    }
    const std::chrono::year_month_day day{std::chrono::year(parts[0]),
                                          std::chrono::month(static_cast<unsigned>(parts[1])),
                                          std::chrono::day(static_cast<unsigned>(parts[2]))};
    if (!day.ok()) {
        return std::nullopt;
    }
    const auto days = std::chrono::sys_days(day).time_since_epoch().count();
    return WallTime{((std::int64_t{days} * 24 + parts[3]) * 3600 + parts[4] * 60 + parts[5]) *
                    1000};
}

std::string age_text(std::int64_t millis) {
    const std::int64_t seconds = std::max<std::int64_t>(millis, 0) / 1000;
    const std::int64_t minutes = seconds / 60;
    const std::int64_t hours = minutes / 60;
    const std::int64_t days = hours / 24;
    auto two = [](std::int64_t big, char big_unit, std::int64_t small, char small_unit) {
        return small == 0 ? fmt::format("{}{}", big, big_unit)
                          : fmt::format("{}{}{}{}", big, big_unit, small, small_unit);
    };
    if (seconds < 120) {
        return fmt::format("{}s", seconds);
    }
    if (minutes < 10) {
        return two(minutes, 'm', seconds % 60, 's');
    }
    if (minutes < 180) {
        return fmt::format("{}m", minutes);
    }
    if (hours < 8) {
        return two(hours, 'h', minutes % 60, 'm');
    }
    if (hours < 48) {
        return fmt::format("{}h", hours);
    }
    if (days < 8) {
        return two(days, 'd', hours % 24, 'h');
    }
    if (days < 365 * 2) {
        return fmt::format("{}d", days);
    }
    return days < 365 * 8 ? two(days / 365, 'y', days % 365, 'd') : fmt::format("{}y", days / 365);
}

std::string age_since(std::string_view time, WallTime now) {
    const std::optional<WallTime> then = parse_time(time);
    return then ? age_text(now.millis - then->millis) : "<unknown>";
}

}  // namespace millrace::kube_operator::local
