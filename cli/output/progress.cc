#include "cli/output/progress.h"

#include <fmt/format.h>

namespace millrace::cli {

double seconds_of(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

ReadyProgress::ReadyProgress(const std::vector<std::string>& wanted)
    : x_wanted(wanted.begin(), wanted.end()), x_missing(x_wanted) {}

std::string ReadyProgress::note(const std::string& title, bool ready, const std::string& message,
                                Duration elapsed) {
    x_messages[title] = message;
    if (!ready) {
        if (x_wanted.contains(title)) {
            x_missing.insert(title);
        }
        return "";
    }
    x_missing.erase(title);
    if (!x_ready.insert(title).second) {
        return "";
    }
    return fmt::format("  {:<32} ready after {:.1f} s\n", title, seconds_of(elapsed));
}

std::string ReadyProgress::waiting_for() const {
    if (x_missing.empty()) {
        return "";
    }
    const std::string& title = *x_missing.begin();
    const auto message = x_messages.find(title);
    const bool silent = message == x_messages.end() || message->second.empty();
    return fmt::format("{} is not ready: {}", title,
                       silent ? "nothing is known about it yet" : message->second);
}

}  // namespace millrace::cli
