// What is typed for the command line. The first byte chooses: words of a tool, bootstrap addresses, a file of resources.
#include <array>

#include "cli/kafka_connection.h"
#include "cli/local_api.h"
#include "cli/options.h"
#include "lib/base/check.h"
#include "tests/fuzz/fuzz_input.h"

namespace millrace::cli {
namespace {

constexpr std::array kOptions{
    Option{"bootstrap-server", "host:port", "Where."},
    Option{.name = "config", .value = "key=value", .doc = "What.", .repeatable = true},
    Option{"create", "", "Do."},
    Option{.name = "topic", .value = "name", .doc = "Which.", .implied = "all"},
    Option{.name = "zookeeper", .value = "host", .doc = "", .refusal = "it is gone"},
};
constexpr Usage kUsage{.program = "tool",
                       .summary = "A tool.",
                       .options = kOptions,
                       .operands = "[word ...]",
                       .examples = ""};

void check_words(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    const Result<Options> options = Options::parse(kUsage, words);
    if (!options) {
        const Error& error = options.error();
        CHECK(error.code == Errc::invalid_argument || error.code == Errc::unsupported);
        CHECK(!error.message.empty());
        return;
    }
    CHECK(options->operands().size() + options->all("config").size() <= words.size());
    (void)options->number("topic", 0, 9);
}

void check_bootstrap(std::string_view text) {
    const auto servers = parse_bootstrap(text);
    CHECK(!servers || !servers->empty());
    const auto [key, value] = split_pair(text);
    CHECK(key.size() + value.size() <= text.size());
}

void check_declared(std::string_view text) {
    for (const std::string& title : declared_resources(text)) {
        CHECK(title.find(' ') != std::string::npos);
    }
}

}  // namespace
}  // namespace millrace::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::fuzz::Input input(data, size);
    switch (input.choice(3)) {
        case 0:
            millrace::cli::check_words(input.text());
            break;
        case 1:
            millrace::cli::check_bootstrap(input.text());
            break;
        default:
            millrace::cli::check_declared(input.text());
    }
    return 0;
}
