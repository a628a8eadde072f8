#include "cli/command.h"

#include <fmt/format.h>

#include <cstdio>

#include "lib/runtime/version.h"

namespace millrace::cli {
namespace {

// The release whose tools and protocol these commands follow.
constexpr std::string_view kKafkaRelease = "3.9.0";

}  // namespace

std::expected<Options, int> read_options(const Usage& usage, const Invocation& invocation) {
    Result<Options> options = Options::parse(usage, invocation.words);
    if (!options) {
        return std::unexpected(usage_error(invocation, options.error().message));
    }
    if (options->has("help")) {
        fmt::print("{}", help_text(usage));
        return std::unexpected<int>(exit_ok);
    }
    if (options->has("version")) {
        fmt::print("{} (millrace {}, {})\n", kKafkaRelease, runtime::version(),
                   runtime::revision());
        return std::unexpected<int>(exit_ok);
    }
    return std::move(*options);
}

int usage_error(const Invocation& invocation, std::string_view message) {
    fmt::print(stderr, "{}\nTry '{} --help'.\n", message, invocation.program);
    return exit_usage;
}

int failure(const Invocation& invocation, std::string_view message) {
    fmt::print(stderr, "{}: {}\n", invocation.program, message);
    return exit_failed;
}

}  // namespace millrace::cli
