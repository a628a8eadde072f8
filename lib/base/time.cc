#include "lib/base/time.h"

#include <fmt/format.h>

namespace millrace {

std::string to_iso8601(WallTime time) {
    using namespace std::chrono;
    const sys_seconds at = floor<seconds>(sys_time<milliseconds>(milliseconds(time.millis)));
    const sys_days day = floor<days>(at);
    const year_month_day date(day);
    const hh_mm_ss clock(at - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace millrace
