#include "lib/runtime/admin_http.h"

#include <fmt/format.h>

#include <optional>
#include <thread>

#include "lib/base/check.h"
#include "lib/runtime/epoll/epoll_loop.h"
#include "lib/runtime/epoll/epoll_network.h"
#include "lib/runtime/http_server.h"
#include "lib/runtime/version.h"

namespace millrace::runtime {
namespace {

constexpr HttpServerOptions kServerOptions{
    .connections_max = 256,
    .body_bytes_max = 64 * 1024,
    .stream_bytes_max = 1 << 20,
    .read_timeout = 1s,
    .keep_alive = 60s,
    .answer_timeout = 1s,
};

struct Route {
    std::string method;
    std::string path;  // without the "*" of a prefix
    bool is_prefix = false;
    AdminHttp::Handler handler;

    bool matches_path(std::string_view asked) const {
        return is_prefix ? asked.starts_with(path) : asked == path;
    }
};

// What tasks posted to the loop look at: they may run after the server is gone.
struct Desk {
    bool closed = false;
    std::vector<Route> routes;  // fixed once the server has started; then also read by its thread
};

AdminRequest admin_request(const HttpRequest& request) {
    const auto authorization = request.headers.find("authorization");
    return {.method = request.method == "HEAD" ? "GET" : request.method,
            .path = request.path,
            .query = request.query,
            .authorization = authorization == request.headers.end() ? "" : authorization->second,
            .body = request.body};
}

// A thread with a loop and an HTTP server of its own, between clients and the loop of the binary.
class ThreadAdminHttp final : public AdminHttp {
 public:
    explicit ThreadAdminHttp(Loop& loop) : x_loop(loop) {}

    ~ThreadAdminHttp() override {
        x_desk->closed = true;
        if (x_thread.joinable()) {
            x_own_loop.post([this] {
                x_server.reset();
                x_own_loop.stop(0);
            });
            x_thread.join();
        }
    }
    ThreadAdminHttp(const ThreadAdminHttp&) = delete;
    ThreadAdminHttp& operator=(const ThreadAdminHttp&) = delete;

    void route(const std::string& method, const std::string& path, Handler handler) override {
        CHECK(!x_thread.joinable(), "routes are added before start");
        const bool is_prefix = path.ends_with("/*");
        x_desk->routes.push_back({method, is_prefix ? path.substr(0, path.size() - 1) : path,
                                  is_prefix, std::move(handler)});
    }

    Status start(const Endpoint& at) override {
        CHECK(!x_thread.joinable());
        x_server = make_http_server(x_own_loop, x_network, kServerOptions);
        TRY(x_server->start(at, [this](const HttpRequest& request, auto responder) {
            dispatch(request, std::move(responder));
        }));
        x_local = x_server->local();
        x_thread = std::thread([this] { x_own_loop.run(); });
        return {};
    }

    Endpoint local() const override { return x_local; }

 private:
    // On the own thread: finds the route, and sends the request over to the loop.
    void dispatch(const HttpRequest& request, std::shared_ptr<HttpResponder> responder) {
        AdminRequest asked = admin_request(request);
        bool path_known = false;
        for (const Route& route : x_desk->routes) {
            if (!route.matches_path(asked.path)) {
                continue;
            }
            path_known = true;
            if (route.method == asked.method) {
                hand_over(route, std::move(asked), std::move(responder));
                return;
            }
        }
        responder->send(path_known ? 405 : 404, {},
                        path_known ? "method not allowed\n" : "not found\n");
    }

    void hand_over(const Route& route, AdminRequest asked,
                   std::shared_ptr<HttpResponder> responder) {
        // The responder stays on this thread's loop, by its number; when it was answered for lateness, the answer is dropped.
        const std::uint64_t number = x_next_number++;
        x_open.emplace(number, responder);
        responder->on_disconnect([this, number] { x_open.erase(number); });
        // Slightly before the server's own limit, so that the entry here goes with the answer.
        x_own_loop.run_after(kServerOptions.answer_timeout - 10ms, [this, number] {
            answer(number, {.status = 503, .body = "the process is too busy to answer\n"});
        });
        x_loop.post([this, desk = x_desk, &route, number, asked = std::move(asked)] {
            if (desk->closed) {
                return;
            }
            AdminResponse response = route.handler(asked);
            if (!desk->closed) {
                x_own_loop.post([this, number, response = std::move(response)]() mutable {
                    answer(number, std::move(response));
                });
            }
        });
    }

    void answer(std::uint64_t number, AdminResponse response) {
        const auto open = x_open.extract(number);
        if (!open.empty()) {
            open.mapped()->send(
                response.status,
                {{"content-type", std::move(response.content_type)}, {"cache-control", "no-store"}},
                std::move(response.body));
        }
    }

    Loop& x_loop;
    const std::shared_ptr<Desk> x_desk = std::make_shared<Desk>();
    EpollLoop x_own_loop;
    EpollNetwork x_network{x_own_loop};
    Endpoint x_local;
    std::uint64_t x_next_number = 0;
    std::map<std::uint64_t, std::shared_ptr<HttpResponder>> x_open;
    std::unique_ptr<HttpServer> x_server;
    std::thread x_thread;
};

}  // namespace

std::unique_ptr<AdminHttp> make_admin_http(Loop& loop, const std::string& binary_name,
                                           ReadyCheck ready) {
    auto server = std::make_unique<ThreadAdminHttp>(loop);
    server->route("GET", "/livez",
                  [](const AdminRequest&) { return AdminResponse{.body = "ok\n"}; });
    server->route("GET", "/readyz", [ready = std::move(ready)](const AdminRequest&) {
        const Status status = ready();
        return status ? AdminResponse{.body = "ok\n"}
                      : AdminResponse{.status = 503, .body = status.error().message + "\n"};
    });
    server->route("GET", "/version", [binary_name](const AdminRequest&) {
        return AdminResponse{
            .body = fmt::format("{{\"name\":\"{}\",\"version\":\"{}\",\"revision\":\"{}\"}}\n",
                                binary_name, version(), revision()),
            .content_type = "application/json"};
    });
    return server;
}

}  // namespace millrace::runtime
