#include "operator/local/log_reader.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

constexpr std::uint64_t kTailMax = 4 << 20;
constexpr std::size_t kFollowMax = 1 << 20;  // per look
constexpr Duration kLook = 200ms;

void refuse_log(runtime::HttpResponder& responder, const ApiError& error) {
    responder.send(error.code, {{"content-type", "application/json"}},
                   kube::to_text(status_object(error)));
}

Result<std::string> read_from(runtime::File& file, std::uint64_t offset, std::size_t bytes_max) {
    const std::uint64_t size = TRY(file.size());
    if (offset >= size) {
        return std::string();
    }
    std::string text(std::min<std::uint64_t>(size - offset, bytes_max), '\0');
    const std::size_t got =
        TRY(file.read_at(offset, std::as_writable_bytes(std::span(text.data(), text.size()))));
    text.resize(got);
    return text;
}

// One follower. Keeps itself alive by its timer until the log or the reader ends.
class Follower : public std::enable_shared_from_this<Follower> {
 public:
    Follower(runtime::Runtime& runtime, LogSource source, std::unique_ptr<runtime::File> file,
             std::uint64_t offset, std::shared_ptr<runtime::HttpResponder> responder)
        : x_runtime(runtime),
          x_source(std::move(source)),
          x_file(std::move(file)),
          x_offset(offset),
          x_responder(std::move(responder)) {}

    void start() {
        x_responder->on_disconnect([self = shared_from_this()] { self->x_gone = true; });
        look();
    }

 private:
    void look() {
        if (x_gone) {
            return;
        }
        // Asked before reading: what was written before the end is not lost.
        const bool more_may_come = x_source.growing();
        const Result<std::uint64_t> size = x_file->size();
        if (size && *size < x_offset) {
            x_offset = 0;  // emptied because it was too long
        }
        const Result<std::string> text = read_from(*x_file, x_offset, kFollowMax);
        const bool failed = !text || (!text->empty() && !x_responder->write(*text));
        x_offset += text ? text->size() : 0;
        const bool all_read = text && text->empty();
        if (failed || (all_read && !more_may_come)) {
            x_responder->end();
            return;
        }
        x_runtime.loop.run_after(kLook, [self = shared_from_this()] { self->look(); });
    }

    runtime::Runtime& x_runtime;
    LogSource x_source;
    std::unique_ptr<runtime::File> x_file;
    std::uint64_t x_offset;
    std::shared_ptr<runtime::HttpResponder> x_responder;
    bool x_gone = false;
};

}  // namespace

std::size_t tail_start(std::string_view text, std::int64_t lines) {
    std::size_t at = text.size();
    if (text.ends_with('\n')) {
        --at;
    }
    while (lines > 0 && at > 0) {
        const std::size_t end = text.rfind('\n', at - 1);
        if (end == std::string_view::npos) {
            return 0;
        }
        if (--lines == 0) {
            return end + 1;
        }
        at = end;
    }
    return lines == 0 ? text.size() : 0;
}

void send_log(runtime::Runtime& runtime, const LogStart& log, LogSource source,
              std::shared_ptr<runtime::HttpResponder> responder) {
    if (log.timestamps) {
        refuse_log(
            *responder,
            bad_request(
                "processes write their logs themselves, so there are no timestamps to show"));
        return;
    }
    if (!runtime.files.exists(source.path)) {
        const std::string what = log.previous ? "previous terminated container" : "container";
        refuse_log(*responder, bad_request(fmt::format(
                                   "{} \"{}\" in pod \"{}\" is waiting to start or not found", what,
                                   log.container, log.pod)));
        return;
    }
    Result<std::unique_ptr<runtime::File>> file =
        runtime.files.open(source.path, runtime::OpenMode::read);
    const Result<std::uint64_t> size =
        file ? (*file)->size() : Result<std::uint64_t>(fail(file.error()));
    if (!size) {
        refuse_log(*responder, bad_request("the log cannot be read: " + size.error().message));
        return;
    }
    const std::uint64_t start = *size > kTailMax ? *size - kTailMax : 0;
    const Result<std::string> text = read_from(**file, start, kTailMax);
    if (!text) {
        refuse_log(*responder, bad_request("the log cannot be read: " + text.error().message));
        return;
    }
    std::string shown = *text;
    if (log.tail_lines) {
        shown = shown.substr(tail_start(shown, std::max<std::int64_t>(0, *log.tail_lines)));
    }
    if (log.limit_bytes > 0 && shown.size() > static_cast<std::size_t>(log.limit_bytes)) {
        shown.resize(static_cast<std::size_t>(log.limit_bytes));
    }
    if (!log.follow) {
        responder->send(200, {{"content-type", "text/plain; charset=utf-8"}}, std::move(shown));
        return;
    }
    responder->begin_stream(200, {{"content-type", "text/plain; charset=utf-8"}});
    if (!shown.empty() && !responder->write(shown)) {
        return;
    }
    std::make_shared<Follower>(runtime, std::move(source), std::move(*file), start + text->size(),
                               std::move(responder))
        ->start();
}

}  // namespace millrace::kube_operator::local
