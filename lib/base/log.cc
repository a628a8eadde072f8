#include "lib/base/log.h"

#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>

namespace millrace {
namespace {

std::atomic<LogLevel> threshold{LogLevel::info};
std::atomic<LogFormat> chosen_format{LogFormat::automatic};

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

bool wants_json() {
    const LogFormat format = chosen_format.load(std::memory_order_relaxed);
    return format == LogFormat::json ||
           (format == LogFormat::automatic && isatty(STDERR_FILENO) == 0);
}

std::shared_ptr<spdlog::logger> make_logger() {
    auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>("millrace", std::move(sink));
    logger->set_level(spdlog::level::trace);
    logger->set_pattern(
        wants_json() ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}"
                     : "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v",
        wants_json() ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
    return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
    static std::shared_ptr<spdlog::logger> instance = make_logger();
    return instance;
}

void append_json_string(std::string& out, std::string_view text) {
    out.push_back('"');
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

}  // namespace

void configure_log(LogLevel level, LogFormat format) {
    threshold.store(level, std::memory_order_relaxed);
    chosen_format.store(format, std::memory_order_relaxed);
    logger() = make_logger();
}

bool log_enabled(LogLevel level) {
    return level >= threshold.load(std::memory_order_relaxed);
}

void write_log(LogLevel level, std::string_view component, std::string_view message) {
    std::string line;
    if (wants_json()) {
        line = "\"component\":";
        append_json_string(line, component);
        line += ",\"message\":";
        append_json_string(line, message);
    } else {
        line = fmt::format("{}: {}", component, message);
    }
    logger()->log(spdlog_level(level), line);
}

}  // namespace millrace
