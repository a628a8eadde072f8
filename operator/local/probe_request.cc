#include "operator/local/probe_request.h"

#include <charconv>

namespace millrace::kube_operator::local {
namespace {

// Keeps itself alive by its timer until the answer is known.
class ProbeRequest final : public runtime::StreamHandler,
                           public std::enable_shared_from_this<ProbeRequest> {
 public:
    ProbeRequest(runtime::Runtime& runtime, std::string text, std::function<void(bool)> answer)
        : x_runtime(runtime), x_text(std::move(text)), x_answer(std::move(answer)) {}

    void start(const runtime::Endpoint& at, Duration timeout) {
        x_timer =
            x_runtime.loop.run_after(timeout, [self = shared_from_this()] { self->end(false); });
        x_runtime.network.connect(
            at, timeout,
            [waiting = weak_from_this()](Result<std::unique_ptr<runtime::Stream>> stream) {
                if (const auto self = waiting.lock()) {
                    self->take(std::move(stream));
                }
            });
    }

    std::size_t on_bytes(BytesView bytes) override {
        const std::string_view text = as_text(bytes);
        const std::size_t end = text.find('\n');
        constexpr std::size_t kLineMax = 1024;
        if (end == std::string_view::npos && text.size() < kLineMax) {
            return 0;
        }
        end_with(text.substr(0, end));
        return bytes.size();
    }

    void on_closed(const Status&) override { end(false); }

 private:
    void take(Result<std::unique_ptr<runtime::Stream>> stream) {
        if (!stream) {
            end(false);
            return;
        }
        x_stream = std::move(*stream);
        x_stream->set_handler(this);
        x_stream->write(Bytes(as_bytes(x_text).begin(), as_bytes(x_text).end()));
    }

    // "HTTP/1.1 200 OK".
    void end_with(std::string_view line) {
        constexpr int kGood = 200;
        constexpr int kBad = 400;
        const std::size_t blank = line.find(' ');
        int status = 0;
        if (line.starts_with("HTTP/") && blank != std::string_view::npos) {
            std::from_chars(line.data() + blank + 1, line.data() + line.size(), status);
        }
        end(status >= kGood && status < kBad);
    }

    // The stream goes in a turn of its own: this may run inside one of its callbacks.
    void end(bool good) {
        if (!x_answer) {
            return;
        }
        x_runtime.loop.post([self = shared_from_this(), answer = std::exchange(x_answer, nullptr),
                             good] { answer(good); });
        x_runtime.loop.cancel(x_timer);
    }

    runtime::Runtime& x_runtime;
    std::string x_text;
    std::function<void(bool)> x_answer;
    std::unique_ptr<runtime::Stream> x_stream;
    runtime::TimerId x_timer = runtime::TimerId::none;
};

}  // namespace

void ask_over_http(runtime::Runtime& runtime, const runtime::Endpoint& at, const std::string& path,
                   Duration timeout, std::function<void(bool)> answer) {
    const std::string text = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: kube-probe/1.30\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n",
        path, at.to_string());
    std::make_shared<ProbeRequest>(runtime, text, std::move(answer))->start(at, timeout);
}

}  // namespace millrace::kube_operator::local
