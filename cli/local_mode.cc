// millrace status and millrace down, and what they share with up.
#include "cli/local_mode.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/event_runner.h"
#include "cli/kafka_connection.h"
#include "cli/local_api.h"
#include "cli/server_process.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr Duration kStopTime = 120s;
constexpr std::array kStatusOptions{
    kDirectoryOption,
    Option{"output", "text|json", "How to print it; default text."},
};
constexpr std::array kDownOptions{kDirectoryOption};
constexpr Usage kStatusUsage{
    .program = "millrace status",
    .summary = "Shows what runs in the directory of a local cluster. Exit code 0: all is ready.",
    .options = kStatusOptions,
    .operands = "",
    .examples = "  millrace status --dir build/run\n  millrace status --output json\n",
};
constexpr Usage kDownUsage{
    .program = "millrace down",
    .summary = "Stops the local cluster of a directory. Its data stays.",
    .options = kDownOptions,
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

void print_json(const std::string& directory, int pid, const std::string& url,
                const std::vector<ResourceState>& resources) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const ResourceState& resource : resources) {
        list.push_back({{"kind", resource.kind},
                        {"name", resource.name},
                        {"ready", resource.ready},
                        {"message", resource.message},
                        {"address", resource.address}});
    }
    const nlohmann::ordered_json status{
        {"directory", directory}, {"operator", pid}, {"apiServer", url}, {"resources", list}};
    fmt::print("{}\n", status.dump(2));
}

// Why nothing answers in the directory.
std::string why_down(const std::string& directory) {
    const std::vector<int> left = orphans(directory);
    if (!left.empty()) {
        return fmt::format(
            "The operator of {} has died; its servers still run (processes {}). "
            "'millrace up' goes on with them, 'millrace down' stops them.",
            directory, fmt::join(left, ", "));
    }
    if (fs::exists(directory + "/operator.pid")) {
        return fmt::format("Nothing runs in {}; the operator there has died.", directory);
    }
    return fmt::format("Nothing runs in {}.", directory);
}

}  // namespace

std::vector<int> orphans(const std::string& directory) {
    std::vector<int> pids = own_processes_in("millrace-broker", directory);
    const std::vector<int> coordinators = own_processes_in("millrace-coordinator", directory);
    pids.insert(pids.end(), coordinators.begin(), coordinators.end());
    return pids;
}

std::string local_directory(const Options& options) {
    const char* const home = std::getenv("MILLRACE_HOME");
    const std::string otherwise = home != nullptr && *home != '\0' ? home : "millrace-data";
    return fs::absolute(options.text_or("dir", otherwise)).lexically_normal().string();
}

int operator_pid(const std::string& directory) {
    const int pid = read_pid(directory + "/operator.pid");
    return runs_program(pid, kOperator) ? pid : 0;
}

std::string last_server_error(const std::string& directory) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory + "/logs", error)) {
        const std::string name = entry.path().stem().string();
        const auto text = read_text_file(entry.path().string());
        if (!text || name.ends_with(".previous")) {
            continue;
        }
        const std::size_t at = text->rfind("\"level\":\"error\"");
        if (at == std::string::npos) {
            continue;
        }
        const std::size_t before = text->rfind('\n', at);
        const std::size_t start = before == std::string::npos ? 0 : before + 1;
        const auto line = nlohmann::json::parse(text->substr(start, text->find('\n', at) - start),
                                                nullptr, false);
        if (line.is_object() && line.contains("message") && line.at("message").is_string()) {
            return fmt::format("{}: {}", name, line.at("message").get<std::string>());
        }
    }
    return "";
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
    const std::string output = options->text_or("output", "text");
    if (output != "text" && output != "json") {
        return usage_error(invocation,
                           fmt::format("--output is '{}', allowed are text and json", output));
    }
    const std::string directory = local_directory(*options);
    const int pid = operator_pid(directory);
    const std::string url = pid == 0 ? "" : api_server_url(directory);
    if (url.empty()) {
        if (output == "json") {
            print_json(directory, pid, url, {});
        } else if (pid == 0) {
            fmt::print("{}\n", why_down(directory));
        } else {
            fmt::print("The operator of {} (process {}) is starting.\n", directory, pid);
        }
        return exit_failed;
    }
    EventRunner runner;
    LocalApi api(runner, url);
    const auto resources = api.resources();
    if (!resources) {
        return failure(invocation, resources.error().message);
    }
    if (output == "json") {
        print_json(directory, pid, url, *resources);
    } else {
        fmt::print("Directory {}, operator {}, API server {}\n\n", directory, pid, url);
        print_resources(*resources);
    }
    const bool ready =
        !resources->empty() && std::ranges::all_of(*resources, &ResourceState::ready);
    return ready ? exit_ok : exit_failed;
}

int local_down(const Invocation& invocation) {
    const auto options = read_options(kDownUsage, invocation);
    if (!options) {
        return options.error();
    }
    const std::string directory = local_directory(*options);
    const int pid = operator_pid(directory);
    const std::vector<int> to_end = pid == 0 ? orphans(directory) : std::vector{pid};
    fmt::print("{}\n", to_end.empty() ? why_down(directory) : "Stopping");
    std::fflush(stdout);
    if (to_end.empty()) {
        return exit_ok;
    }
    EventRunner runner;
    for (const int process : to_end) {
        const Status ended = terminate(runner, process, kStopTime);
        if (!ended) {
            return failure(invocation, ended.error().message);
        }
    }
    fmt::print("Stopped. The data stays in {}.\n", directory);
    return exit_ok;
}

}  // namespace millrace::cli
