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
        const int code = usage_error(invocation, options.error().message);
        return std::unexpected(options.error().code == Errc::unsupported ? code : usage.misuse);
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

int misuse_error(const Invocation& invocation, std::string_view message) {
    (void)usage_error(invocation, message);
    return exit_failed;
}

int refusal(const Invocation& invocation, const Error& error) {
    return error.code == Errc::unsupported ? usage_error(invocation, error.message)
                                           : misuse_error(invocation, error.message);
}

int failure(const Invocation& invocation, std::string_view message) {
    fmt::print(stderr, "{}: {}\n", invocation.program, message);
    return exit_failed;
}

}  // namespace millrace::cli
