#include "operator/local/api_server.h"

#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"
#include "operator/local/api_call.h"
#include "operator/local/object_files.h"
#include "operator/local/watch_hub.h"

namespace millrace::kube_operator::local {
namespace {

using Responder = std::shared_ptr<runtime::HttpResponder>;

constexpr std::size_t kBodyMax = 4 << 20;
constexpr unsigned kConnectionsMax = 384;  // 256 watches and room for requests

runtime::HttpHeaders headers_of(const ApiAnswer& answer) {
    runtime::HttpHeaders headers = {{"content-type", answer.content_type},
                                    {"cache-control", "no-cache, private"}};
    std::string warnings;
    for (const std::string& warning : answer.warnings) {
        std::string escaped;
        for (char c : warning) {
            escaped += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
        }
        warnings += fmt::format("{}299 - \"{}\"", warnings.empty() ? "" : ", ", escaped);
    }
    if (!warnings.empty() && runtime::is_header_value(warnings)) {
        headers["warning"] = warnings;
    }
    return headers;
}

class EmbeddedServer final : public ApiServer {
 public:
    EmbeddedServer(runtime::Runtime& runtime, const ApiServerOptions& options)
        : x_runtime(runtime),
          x_options(options),
          x_core(ApiCoreOptions{.store = options.store, .seed = runtime.loop.random().next()}),
          x_hub(x_core.store()),
          x_alive(std::make_shared<bool>(true)) {}

    ~EmbeddedServer() override {
        *x_alive = false;
        x_runtime.loop.cancel(x_bookmarks);
        x_http.reset();
    }

    Status start() {
        x_files = TRY(ObjectFiles::open(x_runtime, x_options.directory));
        TRY(x_files->load(x_core.store()));
        x_core.store().observe([this](const Change&) { collect_later(); });
        x_core.start(x_runtime.loop.wall_now());
        collect_later();
        runtime::HttpServerOptions options;
        options.connections_max = kConnectionsMax;
        options.body_bytes_max = kBodyMax;
        x_http = runtime::make_http_server(x_runtime.loop, x_runtime.network, options);
        TRY(x_http->start(x_options.listen,
                          [this](const runtime::HttpRequest& request, Responder responder) {
                              answer(request, std::move(responder));
                          }));
        next_bookmarks();
        log_info("api", "the embedded Kubernetes API server listens on http://{}",
                 local().to_string());
        return {};
    }

    runtime::Endpoint local() const override { return x_http->local(); }
    ApiCore& core() override { return x_core; }
    void set_logs(PodLogs* logs) override { x_logs = logs; }

    void flush(std::move_only_function<void(const Status&)> then) override {
        x_files->when_durable(x_core.store().revision(), std::move(then));
    }

    Status write_kubeconfig(const std::string& path) override {
        const std::string text = fmt::format(
            "apiVersion: v1\n"
            "kind: Config\n"
            "clusters:\n"
            "- name: millrace-local\n"
            "  cluster:\n"
            "    server: http://{}\n"
            "contexts:\n"
            "- name: millrace-local\n"
            "  context:\n"
            "    cluster: millrace-local\n"
            "    user: millrace-local\n"
            "current-context: millrace-local\n"
            "users:\n"
            "- name: millrace-local\n"
            "  user: {{}}\n",
            local().to_string());
        return x_runtime.files.replace_file(path, as_bytes(text));
    }

 private:
    void answer(const runtime::HttpRequest& request, Responder responder) {
        x_hub.set_time(x_runtime.loop.wall_now());
        ApiOutcome outcome = x_core.handle(request, x_runtime.loop.wall_now());
        if (auto* start = std::get_if<WatchStart>(&outcome)) {
            open_watch(*start, std::move(responder));
        } else if (auto* log = std::get_if<LogStart>(&outcome)) {
            send_log(*log, std::move(responder));
        } else {
            send_when_durable(std::move(std::get<ApiAnswer>(outcome)), std::move(responder));
        }
    }

    void send_when_durable(ApiAnswer answer, Responder responder) {
        if (answer.revision == 0) {
            responder->send(answer.status, headers_of(answer), std::move(answer.body));
            return;
        }
        const std::uint64_t revision = answer.revision;
        x_files->when_durable(
            revision, [answer = std::move(answer), responder](const Status& durable) mutable {
                if (!durable) {
                    ApiError error;
                    error.reason = "InternalError";
                    error.message = "the objects can no longer be written to the disk: " +
                                    durable.error().message;
                    answer = json_answer(status_object(error), error.code);
                }
                responder->send(answer.status, headers_of(answer), std::move(answer.body));
            });
    }

    void open_watch(const WatchStart& start, Responder responder) {
        responder->begin_stream(
            200, {{"content-type", "application/json"}, {"cache-control", "no-cache, private"}});
        const Result<WatchId> id = x_hub.open(
            start, [responder](std::string line) { return responder->write(std::move(line)); },
            x_runtime.loop.wall_now());
        if (!id) {
            if (id.error().code == Errc::busy) {
                const std::string status =
                    kube::to_text(status_object(too_many_requests(id.error().message)));
                responder->write(fmt::format("{{\"type\":\"ERROR\",\"object\":{}}}\n", status));
            }
            responder->end();
            return;
        }
        const runtime::TimerId timer =
            x_runtime.loop.run_after(std::chrono::seconds(start.timeout_seconds),
                                     [this, id = *id, responder, alive = x_alive] {
                                         if (*alive) {
                                             x_hub.close(id);
                                         }
                                         responder->end();
                                     });
        responder->on_disconnect([this, id = *id, timer, alive = x_alive] {
            if (*alive) {
                x_runtime.loop.cancel(timer);
                x_hub.close(id);
            }
        });
    }

    void send_log(const LogStart& log, Responder responder) {
        if (x_logs == nullptr) {
            const ApiError error = bad_request("no pods run here");
            responder->send(error.code, {{"content-type", "application/json"}},
                            kube::to_text(status_object(error)));
            return;
        }
        x_logs->send(log, std::move(responder));
    }

    // Once per turn in which something changed.
    void collect_later() {
        if (x_collecting || !x_core.garbage().pending()) {
            return;
        }
        x_collecting = true;
        x_runtime.loop.post([this, alive = x_alive] {
            if (!*alive) {
                return;
            }
            x_collecting = false;
            x_hub.set_time(x_runtime.loop.wall_now());
            x_core.garbage().run(x_runtime.loop.wall_now());
            collect_later();
        });
    }

    void next_bookmarks() {
        x_bookmarks = x_runtime.loop.run_after(x_options.bookmark_period, [this] {
            x_core.garbage().expire_events(x_runtime.loop.wall_now());
            x_hub.send_bookmarks();
            next_bookmarks();
        });
    }

    runtime::Runtime& x_runtime;
    ApiServerOptions x_options;
    ApiCore x_core;
    WatchHub x_hub;
    std::unique_ptr<ObjectFiles> x_files;
    std::unique_ptr<runtime::HttpServer> x_http;
    PodLogs* x_logs = nullptr;
    bool x_collecting = false;
    runtime::TimerId x_bookmarks = runtime::TimerId::none;
    std::shared_ptr<bool> x_alive;
};

}  // namespace

Result<std::unique_ptr<ApiServer>> start_api_server(runtime::Runtime& runtime,
                                                    const ApiServerOptions& options) {
    auto server = std::make_unique<EmbeddedServer>(runtime, options);
    TRY(server->start());
    return std::unique_ptr<ApiServer>(std::move(server));
}

}  // namespace millrace::kube_operator::local
