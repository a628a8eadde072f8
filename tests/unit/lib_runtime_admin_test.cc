#include <stdio.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "lib/runtime/admin_http.h"
#include "lib/runtime/epoll/socket.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/metrics.h"
#include "lib/runtime/version.h"
#include "tests/unit/lib_runtime_turns.h"

namespace millrace::runtime {
namespace {

class AdminFixture {
 public:
    AdminFixture() {
        admin = make_admin_http(loop, "millrace-test", [this] { return ready; });
    }

    void start() {
        REQUIRE(admin->start({"127.0.0.1", 0}).has_value());
        client = make_http_client(loop, {.base_url = "http://" + admin->local().to_string()});
    }

    HttpResponse call(HttpRequest request) {
        std::optional<Result<HttpResponse>> answer;
        client->request(std::move(request),
                        [&](Result<HttpResponse> response) { answer = std::move(response); });
        run_until(loop, [&] { return answer.has_value(); });
        INFO((answer->has_value() ? "" : answer->error().message));
        REQUIRE(answer->has_value());
        return std::move(**answer);
    }

    EpollLoop loop;
    Status ready;
    std::unique_ptr<AdminHttp> admin;
    std::unique_ptr<HttpClient> client;
};

}  // namespace

TEST_CASE_METHOD(AdminFixture, "health, readiness and version are answered") {
    start();
    REQUIRE(call({.path = "/livez"}).body == "ok\n");
    REQUIRE(call({.path = "/readyz"}).status == 200);
    ready = fail(Errc::busy, "recovering 3 of 7 logs");
    const HttpResponse not_yet = call({.path = "/readyz"});
    REQUIRE(not_yet.status == 503);
    REQUIRE(not_yet.body == "recovering 3 of 7 logs\n");
    const HttpResponse about = call({.path = "/version"});
    REQUIRE(about.headers.at("content-type") == "application/json");
    REQUIRE(about.body ==
            fmt::format("{{\"name\":\"millrace-test\",\"version\":\"{}\",\"revision\":\"{}\"}}\n",
                        version(), revision()));
    REQUIRE(version().find('.') != std::string_view::npos);
    REQUIRE_FALSE(revision().empty());
}

TEST_CASE_METHOD(AdminFixture, "routes get path, query, authorization and body") {
    admin->route("POST", "/v1/topics/*", [](const AdminRequest& request) {
        return AdminResponse{
            .status = 202,
            .body = fmt::format("{} {} {} {}", request.path, request.query.at("dry"),
                                request.authorization, request.body)};
    });
    start();
    const HttpResponse answer = call({.method = "POST",
                                      .path = "/v1/topics/a/b",
                                      .query = {{"dry", "yes"}},
                                      .headers = {{"authorization", "Bearer x"}},
                                      .body = "content"});
    REQUIRE(answer.status == 202);
    REQUIRE(answer.body == "/v1/topics/a/b yes Bearer x content");
    REQUIRE(call({.path = "/v1/topics/a"}).status == 405);
    REQUIRE(call({.path = "/v2"}).status == 404);
    REQUIRE(call({.method = "POST", .path = "/v1/topics/a", .body = std::string(65 * 1024, 'x')})
                .status == 413);
}

TEST_CASE_METHOD(AdminFixture, "a loop that is stuck is answered for with 503") {
    start();
    std::atomic<bool> answered = false;
    int status = 0;
    EpollLoop other;
    std::thread probe([&] {
        const auto prober =
            make_http_client(other, {.base_url = "http://" + admin->local().to_string()});
        prober->request({.path = "/livez"}, [&](Result<HttpResponse> response) {
            status = response ? response->status : -1;
            answered = true;
        });
        while (!answered) {
            other.run_turn(100ms);
        }
    });
    probe.join();  // the loop does not turn meanwhile
    REQUIRE(status == 503);
    // The request is still in the loop's queue; its answer goes nowhere.
    loop.run_turn(0ms);
}

TEST_CASE_METHOD(AdminFixture, "many half-sent requests do not keep a probe waiting") {
    start();
    std::vector<OwnedDescriptor> slow;
    const SocketAddress address = *numeric_address(admin->local());
    for (int i = 0; i < 300; ++i) {
        slow.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(slow.back().get(), address.get(), address.length) == 0);
        REQUIRE(::send(slow.back().get(), "GET / HT", 8, MSG_NOSIGNAL) == 8);
    }
    const Instant before = loop.now();
    REQUIRE(call({.path = "/livez"}).status == 200);
    REQUIRE(loop.now() - before < 900ms);
}

TEST_CASE_METHOD(AdminFixture, "a port in use is told") {
    start();
    const auto second = make_admin_http(loop, "second", [] { return Status(); });
    REQUIRE(second->start(admin->local()).error().code == Errc::address_in_use);
}

TEST_CASE_METHOD(AdminFixture, "the metrics route gives the text form") {
    Metrics metrics("millrace-test");
    metrics.counter("millrace_requests_total", "Requests.", {{"api", "Fetch"}}).add(3);
    add_metrics_route(*admin, metrics);
    start();
    const HttpResponse answer = call({.path = "/metrics"});
    REQUIRE(answer.headers.at("content-type").starts_with("text/plain; version=0.0.4"));
    REQUIRE(answer.body.find("millrace_requests_total{api=\"Fetch\"} 3\n") != std::string::npos);
}

TEST_CASE("metrics are written in the text format, sorted by name") {
    Metrics metrics("b");
    Gauge& gauge = metrics.gauge("m_gauge", "A gauge.");
    gauge.set(1.5);
    metrics.gauge("m_gauge", "A gauge.").add(1);
    Histogram& histogram = metrics.histogram("m_seconds", "A histogram.", {0.1, 1});
    for (const double value : {0.05, 0.1, 0.5, 7.0}) {
        histogram.observe(value);
    }
    metrics.counter_callback("m_reads_total", "Reads.", {{"kind", "a\"b\\c\n"}},
                             [] { return 9.0; });
    metrics.family_callback(MetricKind::gauge, "m_lag", "Lag.", [] {
        return std::vector<MetricSample>{{{{"partition", "0"}}, 4}, {{{"partition", "1"}}, 5}};
    });
    metrics.untyped_callback("m_odd_count", "Odd.", {}, [] { return 3.0; });
    const std::string text = metrics.to_prometheus_text();
    REQUIRE(
        text.find(
            "# HELP m_gauge A gauge.\n# TYPE m_gauge gauge\nm_gauge 2.5\n"
            "# HELP m_lag Lag.\n# TYPE m_lag gauge\nm_lag{partition=\"0\"} 4\nm_lag{partition=\"1\"} 5\n"
            "# HELP m_odd_count Odd.\n# TYPE m_odd_count untyped\nm_odd_count 3\n"
            "# HELP m_reads_total Reads.\n# TYPE m_reads_total counter\n"
            "m_reads_total{kind=\"a\\\"b\\\\c\\n\"} 9\n"
            "# HELP m_seconds A histogram.\n# TYPE m_seconds histogram\n"
            "m_seconds_count 4\nm_seconds_sum 7.65") != std::string::npos);
    REQUIRE(text.find("m_seconds_bucket{le=\"0.1\"} 2\n") != std::string::npos);
    REQUIRE(text.find("m_seconds_bucket{le=\"1\"} 3\n") != std::string::npos);
    REQUIRE(text.find("m_seconds_bucket{le=\"+Inf\"} 4\n") != std::string::npos);
}

TEST_CASE("the process tells its own figures, and promtool finds no fault") {
    Metrics metrics("b");
    metrics.counter("m_requests_total", "Requests.", {{"api", "Fetch"}}).add();
    metrics.histogram("m_request_duration_seconds", "Time of a request.", latency_bounds_seconds())
        .observe(3ms);
    const std::string text = metrics.to_prometheus_text();
    for (const std::string_view name :
         {"process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds ",
          "process_max_fds ", "process_start_time_seconds "}) {
        const std::size_t at = text.find("\n" + std::string(name));
        REQUIRE(at != std::string::npos);
        REQUIRE(std::stod(text.substr(at + 1 + name.size())) > 0);
    }
    if (::access("/usr/bin/promtool", X_OK) != 0) {
        WARN("promtool is not installed; its check is left out");
        return;
    }
    FILE* const promtool = ::popen("/usr/bin/promtool check metrics", "w");
    REQUIRE(::fwrite(text.data(), 1, text.size(), promtool) == text.size());
    REQUIRE(::pclose(promtool) == 0);
}

}  // namespace millrace::runtime
