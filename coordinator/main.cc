// millrace-coordinator: a standalone ZooKeeper 3.9 server.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>

#include "coordinator/config.h"
#include "coordinator/server/admin.h"
#include "coordinator/server/monitor.h"
#include "coordinator/server/node.h"
#include "lib/base/log.h"
#include "lib/runtime/admin_http.h"
#include "lib/runtime/metrics.h"
#include "lib/runtime/posix_runtime.h"
#include "lib/runtime/version.h"

extern char** environ;

namespace millrace::coordinator {
namespace {

constexpr std::uint64_t kConfigBytesMax = 1 << 20;
constexpr std::string_view kBinary = "millrace-coordinator";

enum ExitCode : int {
    exit_ok = 0,
    exit_config = 2,
    exit_start = 3,
    exit_disk = 4,
};

constexpr std::string_view kFooter = R"(
Examples:
  millrace-coordinator zoo.cfg
  millrace-coordinator zoo.cfg -D snapCount=10000 -D zookeeper.admin.enableServer=false
  millrace-coordinator --check-config zoo.cfg
  ZOO_DATA_DIR=/data ZOO_CFG_EXTRA="clientPort=2181" millrace-coordinator

The environment takes the variables of ZooKeeper's Docker image (ZOO_TICK_TIME, ZOO_CFG_EXTRA,
ZOO_4LW_COMMANDS_WHITELIST, ...) and the -D options in JVMFLAGS and SERVER_JVMFLAGS; zoo.cfg wins
over them, -D over both.
TERM and INT finish the requests under way and end the server with 0.

Exit codes: 0 ended as asked; 2 wrong configuration or usage; 3 cannot start (port or data folder in
use); 4 disk failure or damaged data.)";

struct Arguments {
    std::string config_file;
    std::vector<std::string> properties;
    bool check_config = false;
    bool print_config = false;
    bool help_config = false;
};

std::map<std::string, std::string> own_variables() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        const bool ours = text.starts_with("ZOO_") || text.starts_with("JVMFLAGS=") ||
                          text.starts_with("SERVER_JVMFLAGS=");
        if (ours && equals != std::string_view::npos) {
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return variables;
}

int report(const Error& error, int exit_code) {
    fmt::print(stderr, "{}: {}\n", kBinary, error.message);
    return exit_code;
}

// The log has begun: its lines are for machines where no terminal is.
int report_start(const Error& error, int exit_code) {
    log_error("server", "cannot start: {}", error.message);
    return exit_code;
}

int exit_code_of(const Error& error) {
    switch (error.code) {
        case Errc::address_in_use:
        case Errc::busy:
        case Errc::invalid_argument:
            return exit_start;
        case Errc::malformed:
        case Errc::not_found:
        case Errc::already_exists:
        case Errc::io_error:
        case Errc::disk_full:
        case Errc::connection_lost:
        case Errc::timed_out:
        case Errc::too_large:
        case Errc::unsupported:
        case Errc::conflict:
        case Errc::shutting_down:
            break;
    }
    return exit_disk;
}

Result<Config> load_config(runtime::FileSystem& files, const Arguments& arguments) {
    ConfigInput input;
    input.environment = own_variables();
    input.properties = arguments.properties;
    if (!arguments.config_file.empty()) {
        const Result<Bytes> bytes = files.read_file(arguments.config_file, kConfigBytesMax);
        if (!bytes) {
            return fail(Errc::invalid_argument, bytes.error().message);
        }
        input.file_name = arguments.config_file;
        input.file_text = to_text(*bytes);
    }
    return read_config(input);
}

// The id of dataDir/myid marks this server's session ids, as in an ensemble; 0 without the file.
std::uint8_t server_id(runtime::FileSystem& files, const Config& config) {
    if (!config.has("dataDir")) {
        return 0;
    }
    const auto bytes = files.read_file(runtime::join_path(config.text("dataDir"), "myid"), 64);
    return bytes ? static_cast<std::uint8_t>(std::atoi(to_text(*bytes).c_str()) & 0xff) : 0;
}

// The HTTP side of a server: the admin port, and the port of the Prometheus provider.
class Surface {
 public:
    explicit Surface(server::Node& node) : x_metrics(std::string(kBinary)), x_node(node) {}

    Status open() {
        server::register_metrics(x_node, x_metrics);
        const server::ServerOptions& options = x_node.options();
        if (options.admin) {
            x_admin = make();
            server::add_admin_routes(x_node, *x_admin);
            TRY(x_admin->start(*options.admin));
            log_info("admin", "listening on {}", x_admin->local().to_string());
        }
        if (options.metrics && options.metrics != options.admin) {
            x_prometheus = make();
            TRY(x_prometheus->start(*options.metrics));
            log_info("admin", "metrics on {}", x_prometheus->local().to_string());
        }
        return {};
    }

 private:
    std::unique_ptr<runtime::AdminHttp> make() {
        auto http =
            runtime::make_admin_http(x_node.loop(), std::string(kBinary), [this]() -> Status {
                if (!x_node.serving()) {
                    return fail(Errc::busy, "the server does not take requests");
                }
                return {};
            });
        runtime::add_metrics_route(*http, x_metrics);
        return http;
    }

    runtime::Metrics x_metrics;
    server::Node& x_node;
    std::unique_ptr<runtime::AdminHttp> x_admin;
    std::unique_ptr<runtime::AdminHttp> x_prometheus;
};

int serve(runtime::PosixRuntime& posix, server::ServerOptions options) {
    server::Node node(posix.get(), std::move(options), [&posix](const Error& error) {
        log_error("storage", "{}; the server stops, nothing more is acknowledged", error.message);
        posix.stop(exit_disk);
    });
    const Status started = node.start();
    if (!started) {
        return report_start(started.error(), exit_code_of(started.error()));
    }
    Surface surface(node);
    const Status opened = surface.open();
    if (!opened) {
        return report_start(opened.error(), exit_start);
    }
    posix.on_terminate([&node, &posix] {
        log_info("server", "finishing the requests under way");
        node.stop([&posix] { posix.stop(exit_ok); });
    });
    return posix.run();
}

int run(const Arguments& arguments) {
    if (arguments.help_config) {
        fmt::print("{}", describe_keys(config_schema()));
        return exit_ok;
    }
    const auto posix = runtime::make_posix_runtime({});
    runtime::FileSystem& files = posix->get().files;
    const Result<Config> config = load_config(files, arguments);
    if (!config) {
        return report(config.error(), exit_config);
    }
    auto options = server_options(*config, server_id(files, *config));
    if (!options) {
        return report(options.error(), exit_config);
    }
    for (const std::string& warning : config->warnings()) {
        log_warning("config", "{}", warning);
    }
    if (arguments.print_config) {
        fmt::print("{}", config->to_string());
        return exit_ok;
    }
    if (arguments.check_config) {
        fmt::print("{}: the configuration is valid\n", kBinary);
        return exit_ok;
    }
    return serve(*posix, std::move(*options));
}

int parse_and_run(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("A standalone ZooKeeper 3.9 server.", std::string(kBinary));
    app.footer(std::string(kFooter));
    app.add_option("config", arguments.config_file, "zoo.cfg, in the syntax of ZooKeeper");
    app.add_option("-D", arguments.properties, "key=value; wins over the file")
        ->allow_extra_args(false);
    app.add_flag("--check-config", arguments.check_config, "check the configuration and end");
    app.add_flag("--print-config", arguments.print_config, "print every key, value and origin");
    app.add_flag("--help-config", arguments.help_config, "print all keys");
    app.set_version_flag(
        "--version", fmt::format("{} {} ({})", kBinary, runtime::version(), runtime::revision()));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_ok : exit_config;
    }
    return run(arguments);
}

}  // namespace
}  // namespace millrace::coordinator

int main(int argc, char** argv) {
    try {
        return millrace::coordinator::parse_and_run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "millrace-coordinator: {}\n", error.what());
        return 1;
    }
}
