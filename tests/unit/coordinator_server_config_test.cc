#include "coordinator/config.h"

using namespace millrace;
using namespace millrace::coordinator;

namespace {

Result<server::ServerOptions> options_of(const std::string& text,
                                         std::map<std::string, std::string> environment = {},
                                         std::vector<std::string> properties = {}) {
    const auto config = read_config({.file_name = "zoo.cfg",
                                     .file_text = text,
                                     .environment = std::move(environment),
                                     .properties = std::move(properties)});
    if (!config) {
        return fail(config.error());
    }
    return server_options(*config, 0);
}

const std::string kLeast = "dataDir=/d\nclientPort=2181\n";

std::string error_of(const std::string& text) {
    const auto options = options_of(text);
    REQUIRE_FALSE(options.has_value());
    return options.error().message;
}

}  // namespace

TEST_CASE("the defaults are those of ZooKeeper 3.9 (1.3)") {
    const auto options = options_of(kLeast);
    REQUIRE(options->tick == 3s);
    REQUIRE(options->session_timeout_min_ms == 6'000);
    REQUIRE(options->session_timeout_max_ms == 60'000);
    REQUIRE(options->connections_per_ip_max == 60);
    REQUIRE(options->data_log_dir == "/d");
    REQUIRE(options->frame_bytes_max == 0xfffff);
    REQUIRE(options->four_letter.words == std::set<std::string, std::less<>>{"srvr"});
    REQUIRE(options->admin->port == 8080);
    REQUIRE_FALSE(options->metrics.has_value());
    REQUIRE(options->force_sync);
}

TEST_CASE("zoo.cfg has the separators of java.util.Properties, and values are trimmed") {
    const auto options = options_of("dataDir /d \nclientPort: 2182\ntickTime = 500 \n");
    REQUIRE(options->data_dir == "/d");
    REQUIRE(options->client.port == 2182);
    REQUIRE(options->tick == 500ms);
}

TEST_CASE("Kafka's zookeeper.properties is accepted") {
    const auto options = options_of(
        "dataDir=/tmp/zookeeper\nclientPort=2181\nmaxClientCnxns=0\nadmin.enableServer=false\n");
    REQUIRE(options->connections_per_ip_max == 0);
    REQUIRE_FALSE(options->admin.has_value());
}

TEST_CASE("0.0.0.0 and :: are all addresses of both families, as in Java") {
    for (const std::string host : {"0.0.0.0", "::"}) {
        const auto options = options_of(kLeast + "clientPortAddress=" + host +
                                        "\nadmin.serverAddress=" + host + "\n");
        REQUIRE(options->client.host.empty());
        REQUIRE(options->admin->host.empty());
    }
    REQUIRE(options_of(kLeast + "clientPortAddress=127.0.0.1\n")->client.host == "127.0.0.1");
}

TEST_CASE("limits of connections below zero are none, as in Java") {
    const auto options = options_of("maxClientCnxns=-1\nmaxCnxns=-1\n" + kLeast);
    REQUIRE(options->connections_per_ip_max <= 0);
    REQUIRE(options->connections_max <= 0);
}

TEST_CASE("ZooKeeper's sample configuration is accepted") {
    REQUIRE(options_of("tickTime=2000\ninitLimit=10\nsyncLimit=5\n" + kLeast).has_value());
}

TEST_CASE("one server line may stand and may name the client port; two are refused") {
    const auto options = options_of("dataDir=/d\nserver.1=h:2888:3888;127.0.0.1:2183\n");
    REQUIRE(options->client == runtime::Endpoint{"127.0.0.1", 2183});
    REQUIRE(
        error_of(kLeast + "server.1=a:1:2\nserver.2=b:1:2\n").starts_with("zoo.cfg:4: server.2: "));
}

TEST_CASE("what would change behaviour that is not offered is refused") {
    for (const std::string line :
         {"sslQuorum=true", "secureClientPort=2281", "ssl.keyStore.location=/k", "authProvider.1=x",
          "peerType=observer", "group.1=1:2"}) {
        REQUIRE(error_of(kLeast + line + "\n").starts_with("zoo.cfg:3: "));
    }
    REQUIRE(options_of(kLeast + "sslQuorum=false\nreconfigEnabled=false\n").has_value());
}

TEST_CASE("what kazoo's test harness writes is accepted") {
    const auto options =
        options_of(kLeast +
                   "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"
                   "reconfigEnabled=true\n4lw.commands.whitelist=*\n");
    REQUIRE(options->reconfig_enabled);
}

TEST_CASE("the -D options for a JVM count where they are ZooKeeper's") {
    const auto options = options_of(
        kLeast, {{"JVMFLAGS", "-Xmx1g -Dzookeeper.maxCnxns=7  -Djute.maxbuffer=2000000"},
                 {"SERVER_JVMFLAGS", "-Dzookeeper.enforceQuota=true -Djava.awt.headless=true"}});
    REQUIRE(options->connections_max == 7);
    REQUIRE(options->frame_bytes_max == 2'000'000);
    REQUIRE(options->enforce_quota);
}

TEST_CASE("missing keys are named") {
    REQUIRE(error_of("clientPort=2181\n").find("dataDir") != std::string::npos);
    REQUIRE(error_of("dataDir=/d\n").find("clientPort") != std::string::npos);
}

TEST_CASE("the environment is below the file, -D above it") {
    const auto options = options_of(kLeast + "tickTime=1000\n",
                                    {{"ZOO_TICK_TIME", "500"},
                                     {"ZOO_CFG_EXTRA", "snapCount=50 maxCnxns=9"},
                                     {"ZOO_4LW_COMMANDS_WHITELIST", "*"}},
                                    {"zookeeper.maxCnxns=8"});
    REQUIRE(options->tick == 1s);
    REQUIRE(options->snap_count == 50);
    REQUIRE(options->connections_max == 8);
    REQUIRE(options->four_letter.allows("mntr"));
    REQUIRE(options->four_letter.allows("srvr"));
    REQUIRE_FALSE(options_of(kLeast)->four_letter.allows("isro"));
    REQUIRE(options_of(kLeast + "readonlymode.enabled=true\n")->four_letter.allows("isro"));
}

TEST_CASE("secrets are not among the settings shown") {
    const auto options =
        options_of(kLeast + "DigestAuthenticationProvider.superDigest=super:secret\n");
    REQUIRE(options->super_digest == "super:secret");
    for (const auto& [key, value] : options->settings) {
        REQUIRE(value.find("secret") == std::string::npos);
    }
}

TEST_CASE("the Prometheus provider of ZooKeeper opens its port") {
    const auto options =
        options_of(kLeast +
                   "metricsProvider.className=org.apache.zookeeper.metrics.prometheus."
                   "PrometheusMetricsProvider\nmetricsProvider.httpPort=7070\n");
    REQUIRE(options->metrics->port == 7070);
}
