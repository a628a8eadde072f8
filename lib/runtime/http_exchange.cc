#include "lib/runtime/http_exchange.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/stat.h>

#include <chrono>

#include "lib/runtime/network.h"
#include "lib/runtime/posix/posix_file_system.h"

namespace millrace::runtime {
namespace {

using Library = httplib::ClientImpl;
using Clock = std::chrono::steady_clock;

constexpr auto kInterruptPause = std::chrono::milliseconds(20);
constexpr std::uint64_t kTokenBytesMax = 64 * 1024;
constexpr std::size_t kIdleMax = 16;

struct ServerUrl {
    bool is_tls = false;
    Endpoint endpoint;
};

Result<ServerUrl> parse_url(std::string_view url) {
    ServerUrl parsed;
    std::string_view rest = url;
    if (rest.starts_with("https://")) {
        parsed.is_tls = true;
        rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
    } else {
        return fail(Errc::invalid_argument, fmt::format("'{}' is not an http or https URL", url));
    }
    if (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    std::string address(rest);
    if (rest.ends_with(']') || rest.find(':') == std::string_view::npos) {
        address += parsed.is_tls ? ":443" : ":80";
    }
    parsed.endpoint = TRY(Endpoint::parse(address));
    return parsed;
}

// Changes when any of the credential files does.
std::string stamp_of(const HttpClientOptions& options) {
    std::string stamp;
    for (const std::string& path : {options.ca_file, options.certificate_file, options.key_file}) {
        struct stat info{};
        if (!path.empty() && ::stat(path.c_str(), &info) == 0) {
            stamp += fmt::format("{}:{}:{}.{};", info.st_ino, info.st_size, info.st_mtim.tv_sec,
                                 info.st_mtim.tv_nsec);
        }
    }
    return stamp;
}

Error error_of(httplib::Error error, const HttpClientOptions& options, Duration took,
               Duration silence_max) {
    const auto at = [&](Errc code, std::string_view what) {
        return Error{code, fmt::format("{}: {}", options.base_url, what)};
    };
    switch (error) {
        case httplib::Error::ConnectionTimeout:
            return at(Errc::timed_out, "no connection in time");
        case httplib::Error::Connection:
            // The library reports a refusal and a late connect alike.
            return took >= options.connect_timeout ? at(Errc::timed_out, "no connection in time")
                                                   : at(Errc::connection_lost, "cannot connect");
        case httplib::Error::Read:
            return took >= silence_max ? at(Errc::timed_out, "no answer in time")
                                       : at(Errc::connection_lost, "the connection broke");
        case httplib::Error::SSLConnection:
            return at(Errc::connection_lost, "the TLS handshake failed");
        case httplib::Error::SSLServerVerification:
            return at(Errc::connection_lost, "the server's certificate is not trusted");
        case httplib::Error::SSLLoadingCerts:
            return at(Errc::invalid_argument,
                      fmt::format("cannot read certificates from {}", options.ca_file));
        case httplib::Error::Canceled:
            return at(Errc::shutting_down, "the request was given up");
        case httplib::Error::Success:
        case httplib::Error::Unknown:
        case httplib::Error::BindIPAddress:
        case httplib::Error::Write:
        case httplib::Error::ExceedRedirectCount:
        case httplib::Error::UnsupportedMultipartBoundaryChars:
        case httplib::Error::Compression:
            break;
    }
    return at(Errc::connection_lost, "the connection broke");
}

HttpResponse head_of(const httplib::Response& response) {
    HttpResponse head;
    head.status = response.status;
    for (const auto& [name, value] : response.headers) {
        std::string lower(name);
        for (char& c : lower) {
            c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        const auto [found, fresh] = head.headers.try_emplace(lower, value);
        if (!fresh) {
            found->second += ", " + value;
        }
    }
    return head;
}

}  // namespace

struct HttpCancellation::State {
    mutable std::mutex mutex;
    std::condition_variable ended_changed;
    bool asked = false;
    std::shared_ptr<Library> running;
};

HttpCancellation::HttpCancellation() : x_state(std::make_unique<State>()) {}
HttpCancellation::~HttpCancellation() = default;

void HttpCancellation::ask() {
    const std::lock_guard lock(x_state->mutex);
    x_state->asked = true;
}

bool HttpCancellation::asked() const {
    const std::lock_guard lock(x_state->mutex);
    return x_state->asked;
}

void HttpCancellation::interrupt_until_ended() {
    std::unique_lock lock(x_state->mutex);
    x_state->asked = true;
    while (x_state->running != nullptr) {
        const std::shared_ptr<Library> running = x_state->running;
        lock.unlock();
        // Has no effect just before the request begins, hence the repetition.
        running->stop();
        lock.lock();
        x_state->ended_changed.wait_for(lock, kInterruptPause,
                                        [this] { return x_state->running == nullptr; });
    }
}

struct HttpConnections::Attempt {
    std::shared_ptr<httplib::ClientImpl> library;
    Duration silence_max;
    bool failed_in_transit = false;  // not given up by us
};

struct HttpConnections::State {
    struct Kept {
        std::shared_ptr<Library> library;
        std::string stamp;
        bool is_used = false;  // it has carried a request
    };

    HttpClientOptions options;
    std::unique_ptr<FileSystem> files = make_posix_file_system();
    std::mutex mutex;
    std::vector<Kept> idle;

    Result<Kept> take_kept() {
        std::string stamp = stamp_of(options);
        {
            const std::lock_guard lock(mutex);
            std::erase_if(idle, [&](const Kept& kept) { return kept.stamp != stamp; });
            if (!idle.empty()) {
                Kept kept = std::move(idle.back());
                idle.pop_back();
                return kept;
            }
        }
        return make_fresh(std::move(stamp), options.read_timeout);
    }

    void keep(Kept kept) {
        kept.is_used = true;
        const std::lock_guard lock(mutex);
        if (idle.size() < kIdleMax) {
            idle.push_back(std::move(kept));
        }
    }

    Result<Kept> make_fresh(std::string stamp, Duration read_timeout) const {
        const ServerUrl url = TRY(parse_url(options.base_url));
        Kept kept{.stamp = std::move(stamp)};
        if (url.is_tls) {
            auto tls = std::make_shared<httplib::SSLClient>(
                url.endpoint.host, url.endpoint.port, options.certificate_file, options.key_file);
            if (!tls->is_valid()) {
                return fail(Errc::invalid_argument,
                            fmt::format("cannot use the certificate {} with the key {}",
                                        options.certificate_file, options.key_file));
            }
            tls->enable_server_certificate_verification(options.verify_server);
            if (!options.ca_file.empty()) {
                tls->set_ca_cert_path(options.ca_file);
            }
            kept.library = std::move(tls);
        } else {
            kept.library = std::make_shared<Library>(url.endpoint.host, url.endpoint.port);
        }
        kept.library->set_connection_timeout(options.connect_timeout);
        kept.library->set_read_timeout(read_timeout);
        kept.library->set_write_timeout(options.read_timeout);
        kept.library->set_keep_alive(true);
        kept.library->set_tcp_nodelay(true);
        kept.library->set_url_encode(false);
        kept.library->set_decompress(false);
        kept.library->set_follow_location(false);
        kept.library->set_socket_options([](socket_t socket) {
            const int on = 1;
            ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        });
        return kept;
    }

    Result<httplib::Request> library_request(const HttpRequest& request) {
        httplib::Request made;
        if (!is_http_token(request.method) || !request.path.starts_with('/')) {
            return fail(Errc::invalid_argument, "malformed HTTP method or path");
        }
        made.method = request.method;
        made.path = request_target(request);
        made.body = request.body;
        for (const auto& [name, value] : request.headers) {
            if (!is_http_token(name) || !is_header_value(value)) {
                return fail(Errc::invalid_argument,
                            fmt::format("malformed HTTP header '{}'", name));
            }
            made.set_header(name, value);
        }
        made.set_header("Accept-Encoding", "identity");
        if (!options.token_file.empty()) {
            // Read each time: the file is small and in the page cache, and it is rotated.
            std::string token = to_text(TRY(files->read_file(options.token_file, kTokenBytesMax)));
            while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) {
                token.pop_back();
            }
            if (!is_header_value(token)) {
                return fail(Errc::invalid_argument,
                            fmt::format("{} holds no bearer token", options.token_file));
            }
            made.set_header("Authorization", "Bearer " + token);
        }
        return made;
    }
};

HttpConnections::HttpConnections(HttpClientOptions options) : x_state(std::make_unique<State>()) {
    x_state->options = std::move(options);
}
HttpConnections::~HttpConnections() = default;

Result<HttpResponse> HttpConnections::run(const HttpRequest& request, const HttpSink& sink,
                                          HttpCancellation& cancellation, Attempt& attempt) {
    httplib::Request made = TRY(x_state->library_request(request));
    HttpResponse head;
    made.response_handler = [&](const httplib::Response& response) {
        head = head_of(response);
        if (sink.on_head) {
            sink.on_head(head);
        }
        return !cancellation.asked();
    };
    made.content_receiver = [&](const char* bytes, std::size_t size, std::uint64_t, std::uint64_t) {
        return !cancellation.asked() && sink.on_piece({bytes, size});
    };
    {
        const std::lock_guard lock(cancellation.x_state->mutex);
        if (cancellation.x_state->asked) {
            return fail(Errc::shutting_down, "the request was given up");
        }
        cancellation.x_state->running = attempt.library;
    }
    const auto started = Clock::now();
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    const bool sent = attempt.library->send(made, response, error);
    {
        const std::lock_guard lock(cancellation.x_state->mutex);
        cancellation.x_state->running = nullptr;
    }
    cancellation.x_state->ended_changed.notify_all();
    if (!sent) {
        attempt.failed_in_transit = error != httplib::Error::Canceled;
        return fail(error_of(error, x_state->options, Clock::now() - started, attempt.silence_max));
    }
    // Answers without a body do not pass through the response handler.
    return head_of(response);
}

Result<HttpResponse> HttpConnections::request(const HttpRequest& request,
                                              HttpCancellation& cancellation) {
    const HttpClientOptions& options = x_state->options;
    const bool is_repeatable = request.method == "GET" || request.method == "HEAD";
    State::Kept kept = TRY(x_state->take_kept());
    for (;;) {
        std::string body;
        bool too_large = false;
        const HttpSink sink{.on_head = nullptr, .on_piece = [&](std::string_view piece) {
                                too_large = body.size() + piece.size() > options.response_bytes_max;
                                if (!too_large) {
                                    body += piece;
                                }
                                return !too_large;
                            }};
        Attempt attempt{kept.library, options.read_timeout};
        Result<HttpResponse> response = run(request, sink, cancellation, attempt);
        if (response) {
            response->body = std::move(body);
            x_state->keep(std::move(kept));
            return response;
        }
        if (too_large) {
            return fail(Errc::too_large, fmt::format("{}: the answer has more than {} bytes",
                                                     options.base_url, options.response_bytes_max));
        }
        const bool is_stale = kept.is_used && attempt.failed_in_transit &&
                              response.error().code == Errc::connection_lost;
        if (!is_stale || !is_repeatable || cancellation.asked()) {
            return response;
        }
        kept = TRY(x_state->make_fresh(stamp_of(options), options.read_timeout));
    }
}

Result<HttpResponse> HttpConnections::stream(const HttpRequest& request, const HttpSink& sink,
                                             HttpCancellation& cancellation) {
    const HttpClientOptions& options = x_state->options;
    const State::Kept own = TRY(x_state->make_fresh("", options.stream_silence));
    Attempt attempt{own.library, options.stream_silence};
    return run(request, sink, cancellation, attempt);
}

}  // namespace millrace::runtime
