// millrace status and millrace down, and what they share with up.
#include "cli/local_mode.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "cli/event_runner.h"
#include "cli/kafka_connection.h"
#include "cli/local_api.h"
#include "cli/server_process.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr Duration kStopTime = 120s;
constexpr std::array kOptions{kDirectoryOption};
constexpr Usage kStatusUsage{
    .program = "millrace status",
    .summary = "Shows what runs in the directory of a local cluster. Exit code 0: all is ready.",
    .options = kOptions,
    .operands = "",
    .examples = "  millrace status --dir build/run\n",
};
constexpr Usage kDownUsage{
    .program = "millrace down",
    .summary = "Stops the local cluster of a directory. Its data stays.",
    .options = kOptions,
    .operands = "",
    .examples = "  millrace down --dir build/run\n",
};

void print_resources(const std::vector<ResourceState>& resources) {
    std::size_t width = 8;
    for (const ResourceState& resource : resources) {
        width = std::max(width, resource.title().size());
    }
    fmt::print("{:<{}}  {:<5}  {}\n", "RESOURCE", width, "READY", "STATUS");
    for (const ResourceState& resource : resources) {
        const std::string& text =
            resource.ready && !resource.address.empty() ? resource.address : resource.message;
        fmt::print("{:<{}}  {:<5}  {}\n", resource.title(), width,
                   resource.ready ? "True" : "False", text);
    }
}

}  // namespace

std::string local_directory(const Options& options) {
    const char* const home = std::getenv("MILLRACE_HOME");
    const std::string otherwise = home != nullptr && *home != '\0' ? home : "millrace-data";
    return fs::absolute(options.text_or("dir", otherwise)).lexically_normal().string();
}

int operator_pid(const std::string& directory) {
    const int pid = read_pid(directory + "/operator.pid");
    return runs_program(pid, kOperator) ? pid : 0;
}

std::string api_server_url(const std::string& directory) {
    std::string url = read_text_file(directory + "/api-server.url").value_or("");
    while (url.ends_with('\n')) {
        url.pop_back();
    }
    return url;
}

std::string example_file(const std::string& bin_directory, std::string_view name) {
    const fs::path bin(bin_directory);
    for (const fs::path& folder :
         {bin / "../../../examples", bin / "../share/millrace/examples", fs::path("examples")}) {
        if (fs::exists(folder / name)) {
            return fs::absolute(folder / name).lexically_normal().string();
        }
    }
    return "";
}

int local_status(const Invocation& invocation) {
    const auto options = read_options(kStatusUsage, invocation);
    if (!options) {
        return options.error();
    }
    const std::string directory = local_directory(*options);
    const int pid = operator_pid(directory);
    const std::string url = api_server_url(directory);
    if (pid == 0 || url.empty()) {
        fmt::print("Nothing runs in {}.\n", directory);
        return exit_failed;
    }
    EventRunner runner;
    LocalApi api(runner, url);
    const auto resources = api.resources();
    if (!resources) {
        return failure(invocation, resources.error().message);
    }
    fmt::print("Directory {}, operator {}, API server {}\n\n", directory, pid, url);
    print_resources(*resources);
    return std::ranges::all_of(*resources, &ResourceState::ready) ? exit_ok : exit_failed;
}

int local_down(const Invocation& invocation) {
    const auto options = read_options(kDownUsage, invocation);
    if (!options) {
        return options.error();
    }
    const std::string directory = local_directory(*options);
    const int pid = operator_pid(directory);
    if (pid == 0) {
        fmt::print("Nothing runs in {}.\n", directory);
        return exit_ok;
    }
    EventRunner runner;
    const Status ended = terminate(runner, pid, kStopTime);
    if (!ended) {
        return failure(invocation, ended.error().message);
    }
    fmt::print("Stopped. The data stays in {}.\n", directory);
    return exit_ok;
}

}  // namespace millrace::cli
