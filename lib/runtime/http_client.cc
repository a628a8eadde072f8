#include "lib/runtime/http_client.h"

#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "lib/runtime/http_exchange.h"
#include "lib/runtime/line_splitter.h"
#include "lib/runtime/worker_threads.h"

namespace millrace::runtime {
namespace {

// Lines that wait for the loop; above it the connection is not read on.
constexpr std::size_t kLinesAheadBytes = 16 << 20;
constexpr unsigned kCancellerThreads = 2;

// One call under way, seen from the loop and from its thread.
struct Call {
    HttpClient::ResponseCallback then;  // loop only
    HttpClient::LineCallback on_line;   // loop only
    HttpCancellation cancellation;

    // Bytes of lines that the thread has posted and the loop has not seen.
    std::mutex mutex;
    std::condition_variable room;
    std::size_t ahead = 0;
    bool abandoned = false;

    // On the thread; false when the call was given up.
    bool wait_for_room(std::size_t bytes) {
        std::unique_lock lock(mutex);
        room.wait(lock, [this] { return abandoned || ahead < kLinesAheadBytes; });
        ahead += bytes;
        return !abandoned;
    }
    void make_room(std::size_t bytes) {
        const std::lock_guard lock(mutex);
        ahead -= bytes;
        room.notify_one();
    }
    void abandon() {
        cancellation.ask();
        const std::lock_guard lock(mutex);
        abandoned = true;
        room.notify_one();
    }
};

using Calls = std::map<std::uint64_t, std::shared_ptr<Call>>;

// What tasks on the loop look at.
struct Registry {
    Calls calls;           // whose owner still listens
    Calls running;         // that a thread has or will have, given up or not
    unsigned streams = 0;  // with a thread, given up or not
};

class ThreadHttpClient final : public HttpClient {
 public:
    ThreadHttpClient(Loop& loop, HttpClientOptions options)
        : x_loop(loop),
          x_options(std::move(options)),
          x_connections(x_options),
          x_requesters(x_options.threads, x_options.requests_max),
          x_streamers(x_options.streams_max, x_options.streams_max),
          x_cancellers(kCancellerThreads, SIZE_MAX) {}

    ~ThreadHttpClient() override {
        x_registry->calls.clear();
        const Calls running = std::exchange(x_registry->running, {});
        for (const auto& [number, call] : running) {
            call->abandon();
        }
        for (const auto& [number, call] : running) {
            call->cancellation.interrupt_until_ended();
        }
        // Before the connections that their threads use.
        x_cancellers.stop();
        x_requesters.stop();
        x_streamers.stop();
    }
    ThreadHttpClient(const ThreadHttpClient&) = delete;
    ThreadHttpClient& operator=(const ThreadHttpClient&) = delete;

    void request(HttpRequest request, ResponseCallback then) override {
        const auto [number, call] = add_call(std::move(then));
        const bool queued = x_requesters.submit([this, number, call, request = std::move(request)] {
            end_on_loop(number, x_connections.request(request, call->cancellation), false);
        });
        if (!queued) {
            end_on_loop(number, fail(Errc::busy, "too many HTTP requests wait"), false);
        }
    }

    std::unique_ptr<HttpStream> stream(HttpRequest request, LineCallback on_line,
                                       ResponseCallback on_end) override;

    // The owner has destroyed its HttpStream.
    void give_up(const std::shared_ptr<Registry>& registry, std::uint64_t number) {
        const auto found = registry->calls.extract(number);
        if (found.empty()) {
            return;
        }
        found.mapped()->abandon();
        x_cancellers.submit(
            [call = found.mapped()] { call->cancellation.interrupt_until_ended(); });
    }

 private:
    std::pair<std::uint64_t, std::shared_ptr<Call>> add_call(ResponseCallback then) {
        auto call = std::make_shared<Call>();
        call->then = std::move(then);
        const std::uint64_t number = x_next_number++;
        x_registry->calls.emplace(number, call);
        x_registry->running.emplace(number, call);
        return {number, std::move(call)};
    }

    // From any thread.
    void end_on_loop(std::uint64_t number, Result<HttpResponse> response, bool had_stream) {
        x_loop.post(
            [registry = x_registry, number, had_stream, response = std::move(response)]() mutable {
                registry->streams -= had_stream ? 1 : 0;
                registry->running.erase(number);
                const auto found = registry->calls.extract(number);
                if (!found.empty()) {
                    found.mapped()->then(std::move(response));
                }
            });
    }

    void lines_to_loop(std::uint64_t number, std::vector<std::string> lines, std::size_t bytes) {
        x_loop.post([registry = x_registry, number, bytes, lines = std::move(lines)] {
            for (const std::string& line : lines) {
                // Looked up each time: the owner may end the stream while it takes a line.
                const auto found = registry->calls.find(number);
                if (found == registry->calls.end()) {
                    return;
                }
                const std::shared_ptr<Call> call = found->second;
                call->on_line(line);
            }
            if (const auto found = registry->calls.find(number); found != registry->calls.end()) {
                found->second->make_room(bytes);
            }
        });
    }

    Result<HttpResponse> run_stream(std::uint64_t number, const HttpRequest& request, Call& call);

    Loop& x_loop;
    const HttpClientOptions x_options;
    std::uint64_t x_next_number = 1;
    const std::shared_ptr<Registry> x_registry = std::make_shared<Registry>();
    HttpConnections x_connections;
    WorkerThreads x_requesters;
    WorkerThreads x_streamers;
    WorkerThreads x_cancellers;
};

// Knows the client only as long as the registry has the call: the client may go first.
class ThreadHttpStream final : public HttpStream {
 public:
    ThreadHttpStream(ThreadHttpClient& client, std::shared_ptr<Registry> registry,
                     std::uint64_t number)
        : x_client(client), x_registry(std::move(registry)), x_number(number) {}
    ~ThreadHttpStream() override {
        if (x_registry->calls.contains(x_number)) {
            x_client.give_up(x_registry, x_number);
        }
    }
    ThreadHttpStream(const ThreadHttpStream&) = delete;
    ThreadHttpStream& operator=(const ThreadHttpStream&) = delete;

 private:
    ThreadHttpClient& x_client;
    std::shared_ptr<Registry> x_registry;
    std::uint64_t x_number;
};

std::unique_ptr<HttpStream> ThreadHttpClient::stream(HttpRequest request, LineCallback on_line,
                                                     ResponseCallback on_end) {
    const auto [number, call] = add_call(std::move(on_end));
    call->on_line = std::move(on_line);
    if (x_registry->streams >= x_options.streams_max) {
        end_on_loop(number, fail(Errc::busy, "too many HTTP streams"), false);
    } else {
        x_registry->streams += 1;
        x_streamers.submit([this, number, call, request = std::move(request)] {
            end_on_loop(number, run_stream(number, request, *call), true);
        });
    }
    return std::make_unique<ThreadHttpStream>(*this, x_registry, number);
}

Result<HttpResponse> ThreadHttpClient::run_stream(std::uint64_t number, const HttpRequest& request,
                                                  Call& call) {
    LineSplitter splitter(x_options.line_bytes_max);
    std::string body;  // of an answer that is no stream
    bool is_stream = false;
    bool too_large = false;
    const HttpSink sink{
        .on_head = [&](const HttpResponse& head) { is_stream = head.ok(); },
        .on_piece =
            [&](std::string_view piece) {
                if (!is_stream) {
                    too_large = body.size() + piece.size() > x_options.response_bytes_max;
                    body += too_large ? "" : piece;
                    return !too_large;
                }
                std::vector<std::string> lines;
                too_large = !splitter.feed(piece, lines);
                if (lines.empty() || too_large) {
                    return !too_large;
                }
                const bool wanted = call.wait_for_room(piece.size());
                if (wanted) {
                    lines_to_loop(number, std::move(lines), piece.size());
                }
                return wanted;
            },
    };
    Result<HttpResponse> response = x_connections.stream(request, sink, call.cancellation);
    if (too_large) {
        return fail(Errc::too_large,
                    fmt::format("{}: a line or an answer is too long", x_options.base_url));
    }
    if (response) {
        response->body = std::move(body);
        if (std::string rest = splitter.take_rest(); !rest.empty()) {
            lines_to_loop(number, {std::move(rest)}, 0);
        }
    }
    return response;
}

}  // namespace

std::unique_ptr<HttpClient> make_http_client(Loop& loop, HttpClientOptions options) {
    return std::make_unique<ThreadHttpClient>(loop, std::move(options));
}

}  // namespace millrace::runtime
