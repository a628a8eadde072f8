// The log facade. Text lines on a terminal, JSON lines otherwise. log.cc alone knows the library behind it.
// Thread-safe. A message is one line; secrets never enter it.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace millrace {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { automatic, text, json };

// Sets the level and the format of the process. Without a call: info, automatic. Lines go to stderr.
void configure_log(LogLevel level, LogFormat format);

bool log_enabled(LogLevel level);

// component names the module as a user knows it ("storage", "session", "controller").
void write_log(LogLevel level, std::string_view component, std::string_view message);

template <class... Args>
void log_debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::debug)) {
        write_log(LogLevel::debug, component, fmt::format(format, std::forward<Args>(args)...));
    }
}
template <class... Args>
void log_info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::info)) {
        write_log(LogLevel::info, component, fmt::format(format, std::forward<Args>(args)...));
    }
}
template <class... Args>
void log_warning(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::warning)) {
        write_log(LogLevel::warning, component, fmt::format(format, std::forward<Args>(args)...));
    }
}
template <class... Args>
void log_error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    write_log(LogLevel::error, component, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace millrace
