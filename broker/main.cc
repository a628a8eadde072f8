// millrace-broker: a Kafka 3.9 broker in ZooKeeper mode.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "broker/server/admin.h"
#include "broker/server/broker_keys.h"
#include "broker/server/node.h"
#include "lib/base/log.h"
#include "lib/runtime/posix_runtime.h"
#include "lib/runtime/version.h"

extern char** environ;

namespace millrace::broker {
namespace {

constexpr std::string_view kBinary = "millrace-broker";

enum ExitCode : int {
    exit_ok = 0,
    exit_config = 2,
    exit_start = 3,
    exit_disk = 4,
};

constexpr std::string_view kFooter = R"(
Examples:
  millrace-broker server.properties
  millrace-broker server.properties --override broker.id=1 --override listeners=PLAINTEXT://:9093
  millrace-broker --check-config server.properties
  KAFKA_ZOOKEEPER_CONNECT=zoo:2181 KAFKA_BROKER_ID=1 millrace-broker

Variables that begin with KAFKA_ are settings (KAFKA_LOG_DIRS is log.dirs); the file wins over them,
--override over both. TERM and INT tell the controller, close the logs and end the broker with 0.

Exit codes: 0 ended as asked; 2 wrong configuration or usage; 3 cannot start (port or log directory
in use, another broker has the id); 4 disk failure or damaged data; 5 no session with the
coordinators.)";

struct Arguments {
    std::string config_file;
    std::vector<std::string> overrides;
    bool check_config = false;
    bool print_config = false;
    bool help_config = false;
};

std::map<std::string, std::string> read_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos) {
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
    log_error("broker", "cannot start: {}", error.message);
    return exit_code;
}

int exit_code_of(const Error& error) {
    const bool is_disk = error.code == Errc::io_error || error.code == Errc::disk_full ||
                         error.code == Errc::malformed;
    return error.code == Errc::invalid_argument ? exit_config : is_disk ? exit_disk : exit_start;
}

Result<Config> load_config(runtime::FileSystem& files, const Arguments& arguments) {
    std::vector<ConfigSource> sources{server::environment_source(read_environment())};
    if (!arguments.config_file.empty()) {
        auto bytes = files.read_file(arguments.config_file, kPropertiesBytesMax);
        if (!bytes) {
            return fail(Errc::invalid_argument, bytes.error().message);
        }
        auto entries = parse_properties(as_text(*bytes));
        if (!entries) {
            return fail(entries.error().code,
                        fmt::format("{}: {}", arguments.config_file, entries.error().message));
        }
        sources.push_back(
            {.name = arguments.config_file, .entries = std::move(*entries), .origin = ""});
    }
    ConfigSource overrides{.name = "", .entries = {}, .origin = "--override"};
    for (const std::string& text : arguments.overrides) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0) {
            return fail(Errc::invalid_argument,
                        fmt::format("--override: '{}' is not of the form key=value", text));
        }
        overrides.entries.push_back({text.substr(0, equals), text.substr(equals + 1), 0});
    }
    sources.push_back(std::move(overrides));
    return Config::build(server::broker_schema(), sources);
}

std::unexpected<Error> refuse(const Config& config, std::string_view key, std::string_view why) {
    const auto found = config.values().find(key);
    return fail(Errc::invalid_argument,
                fmt::format("{}: {}: {}",
                            found == config.values().end() ? "configuration" : found->second.origin,
                            key, why));
}

// What the type of a key does not say.
Status check_settings(const Config& config) {
    if (!config.has("zookeeper.connect")) {
        return refuse(config, "zookeeper.connect",
                      "it is missing; allowed: host:port[,host:port][/chroot]");
    }
    if (const auto parsed = zk::ConnectString::parse(config.text("zookeeper.connect")); !parsed) {
        return refuse(config, "zookeeper.connect",
                      parsed.error().message + "; allowed: host:port[,host:port][/chroot]");
    }
    if (config.has("log.dirs") && config.list("log.dirs").empty()) {
        return refuse(config, "log.dirs", "at least one folder is needed");
    }
    const std::string& admin = config.text("millrace.admin.listener");
    if (const auto parsed = runtime::Endpoint::parse(admin); !admin.empty() && !parsed) {
        return refuse(config, "millrace.admin.listener", parsed.error().message);
    }
    TRY(server::read_listeners(config, "localhost"));
    return {};
}

// The HTTP side: health, metrics and status; absent when millrace.admin.listener is empty.
class Surface {
 public:
    explicit Surface(server::Node& node) : x_node(node), x_metrics(std::string(kBinary)) {}

    Status open() {
        const std::string& address = x_node.config().text("millrace.admin.listener");
        if (address.empty()) {
            return {};
        }
        const runtime::Endpoint at = TRY(runtime::Endpoint::parse(address));
        server::register_metrics(x_node, x_metrics);
        x_http = runtime::make_admin_http(x_node.loop(), std::string(kBinary),
                                          [this] { return x_node.ready(); });
        runtime::add_metrics_route(*x_http, x_metrics);
        server::add_status_route(x_node, *x_http);
        const Status started = x_http->start(at);
        const bool is_default =
            x_node.config().values().at("millrace.admin.listener").origin == "default";
        if (!started && started.error().code == Errc::address_in_use && is_default) {
            // Several brokers on one machine: the first one has the port, the others are told to be given theirs.
            log_warning("admin", "no health, metrics and status: {}; set millrace.admin.listener",
                        started.error().message);
            x_http.reset();
            return {};
        }
        TRY(Status(started));
        log_info("admin", "listening on {}", x_http->local().to_string());
        return {};
    }

 private:
    server::Node& x_node;
    runtime::Metrics x_metrics;
    std::unique_ptr<runtime::AdminHttp> x_http;
};

int serve(runtime::PosixRuntime& posix, const Config& config) {
    server::Node node(posix.get(), config, [&posix](int exit_code) { posix.stop(exit_code); });
    const Status started = node.start();
    if (!started) {
        return report_start(started.error(), exit_code_of(started.error()));
    }
    Surface surface(node);
    const Status opened = surface.open();
    if (!opened) {
        return report_start(opened.error(), exit_start);
    }
    posix.on_terminate([&node] { node.stop(); });
    return posix.run();
}

int run(const Arguments& arguments) {
    if (arguments.help_config) {
        fmt::print("{}", describe_keys(server::broker_schema()));
        return exit_ok;
    }
    const auto posix = runtime::make_posix_runtime({});
    const Result<Config> config = load_config(posix->get().files, arguments);
    if (!config) {
        return report(config.error(), exit_config);
    }
    for (const std::string& warning : config->warnings()) {
        log_warning("config", "{}", warning);
    }
    if (const Status settings = check_settings(*config); !settings) {
        return report(settings.error(), exit_config);
    }
    if (arguments.print_config) {
        fmt::print("{}", config->to_string());
        return exit_ok;
    }
    if (arguments.check_config) {
        fmt::print("{}: the configuration is valid\n", kBinary);
        return exit_ok;
    }
    return serve(*posix, *config);
}

int parse_and_run(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("A Kafka 3.9 broker in ZooKeeper mode.", std::string(kBinary));
    app.footer(std::string(kFooter));
    app.add_option("config", arguments.config_file, "server.properties, in the syntax of Kafka");
    app.add_option("--override", arguments.overrides, "key=value; wins over the file")
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
}  // namespace millrace::broker

int main(int argc, char** argv) {
    try {
        return millrace::broker::parse_and_run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "millrace-broker: {}\n", error.what());
        return 1;
    }
}
