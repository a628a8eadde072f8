// Files of settings. The first byte chooses: properties, zoo.cfg, server.properties.
#include "broker/server/broker_keys.h"
#include "coordinator/config.h"
#include "lib/base/check.h"
#include "lib/base/config.h"
#include "lib/base/log.h"
#include "lib/base/properties.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"

namespace millrace {
namespace {

// So that every reader takes the text as it is.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        constexpr std::string_view kPlain = "\t\n\r\f";
        constexpr std::string_view kNames = "tnrf";
        if (const std::size_t at = kPlain.find(c); at != std::string_view::npos) {
            out += '\\';
            out += kNames[at];
            continue;
        }
        if (std::string_view(" \\=:#!").contains(c)) {
            out += '\\';
        }
        out += c;
    }
    return out;
}

void check_properties(std::string_view text) {
    const fuzz::MemoryMeter meter;
    const auto entries = parse_properties(text);
    // An entry of two bytes is a key, a value and a line number, in a list that grows by doubling.
    meter.check(text.size(), 160);
    if (!entries) {
        CHECK(entries.error().message.starts_with("line "));
        return;
    }
    std::string again;
    for (const Property& entry : *entries) {
        again += escaped(entry.key) + "=" + escaped(entry.value) + "\n";
    }
    const auto copy = parse_properties(again);
    CHECK(again.size() > kPropertiesBytesMax ||
          (copy && std::ranges::equal(*copy, *entries, [](const Property& a, const Property& b) {
               return a.key == b.key && a.value == b.value;
           })));
}

void check_coordinator(std::string_view text) {
    const auto config = coordinator::read_config({.file_name = "zoo.cfg",
                                                  .file_text = std::string(text),
                                                  .environment = {},
                                                  .properties = {}});
    if (!config) {
        CHECK(config.error().code != Errc::io_error && !config.error().message.empty());
        return;
    }
    (void)config->to_string();
    const auto options = coordinator::server_options(*config, 0);
    CHECK(!options || options->session_timeout_min_ms <= options->session_timeout_max_ms);
}

void check_broker(std::string_view text) {
    auto entries = parse_properties(text);
    if (!entries) {
        return;
    }
    const std::vector<ConfigSource> sources = {
        {.name = "server.properties", .entries = std::move(*entries), .origin = ""}};
    const auto config = Config::build(broker::server::broker_schema(), sources);
    if (!config) {
        CHECK(config.error().code == Errc::invalid_argument);
        return;
    }
    (void)config->to_string();
    const auto log = broker::server::log_config_of(*config, {});
    CHECK(log.segment_bytes > 0 && log.index_interval_bytes >= 0);
    (void)broker::server::group_config_of(*config);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::configure_log(millrace::LogLevel::error, millrace::LogFormat::text);
    millrace::fuzz::Input input(data, size);
    switch (input.choice(3)) {
        case 0:
            millrace::check_properties(input.text());
            break;
        case 1:
            millrace::check_coordinator(input.text());
            break;
        default:
            millrace::check_broker(input.text());
    }
    return 0;
}
