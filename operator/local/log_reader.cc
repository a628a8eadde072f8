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

// "2026-01-31T12:00:00.250000000Z": as long as the kubelet's, though nothing here is known to the nanosecond.
std::string stamp(WallTime time) {
    std::string text = to_iso8601(time);
    constexpr std::int64_t kMillisPerSecond = 1000;
    text.resize(text.find_first_of(".Z"));
    return fmt::format("{}.{:03}000000Z", text, time.millis % kMillisPerSecond);
}

// One follower. Keeps itself alive by its timer until the log or the reader ends.
class Follower : public std::enable_shared_from_this<Follower> {
 public:
    Follower(runtime::Runtime& runtime, LogSource source, std::unique_ptr<runtime::File> file,
             std::uint64_t offset, std::optional<LineStamper> stamper)
        : x_runtime(runtime),
          x_source(std::move(source)),
          x_file(std::move(file)),
          x_offset(offset),
          x_stamper(std::move(stamper)) {}

    void start(std::shared_ptr<runtime::HttpResponder> responder) {
        x_responder = std::move(responder);
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
        const bool failed = !text || (!text->empty() && !x_responder->write(shown(*text)));
        x_offset += text ? text->size() : 0;
        const bool all_read = text && text->empty();
        if (failed || (all_read && !more_may_come)) {
            x_responder->end();
            return;
        }
        x_runtime.loop.run_after(kLook, [self = shared_from_this()] { self->look(); });
    }

    std::string shown(const std::string& text) {
        return x_stamper ? x_stamper->stamped(text, x_offset) : text;
    }

    runtime::Runtime& x_runtime;
    LogSource x_source;
    std::unique_ptr<runtime::File> x_file;
    std::uint64_t x_offset;
    std::optional<LineStamper> x_stamper;
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

std::string last_words(runtime::FileSystem& files, const std::string& path) {
    constexpr std::uint64_t kBytes = 2048;
    constexpr std::int64_t kLines = 80;
    const Result<std::unique_ptr<runtime::File>> file = files.open(path, runtime::OpenMode::read);
    const Result<std::uint64_t> size =
        file ? (*file)->size() : Result<std::uint64_t>(fail(file.error()));
    if (!size) {
        return "";
    }
    const Result<std::string> text = read_from(**file, *size > kBytes ? *size - kBytes : 0, kBytes);
    return text ? text->substr(tail_start(*text, kLines)) : "";
}

std::string LineStamper::stamped(std::string_view text, std::uint64_t offset) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        if (!x_within_line) {
            out += stamp(x_written_by(offset + at)) + " ";
        }
        out += text.substr(at, end - at);
        x_within_line = text[end - 1] != '\n';
        at = end;
    }
    return out;
}

namespace {

// A stretch of a log, cut as the request wants it.
struct Stretch {
    std::uint64_t offset = 0;
    std::string text;
    std::uint64_t end = 0;  // of what was read: where following goes on
};

Result<Stretch> read_stretch(runtime::File& file, const LogStart& log, const LogSource& source) {
    const std::uint64_t size = TRY(file.size());
    Stretch out;
    out.offset = size > kTailMax ? size - kTailMax : 0;
    if (log.since) {
        out.offset = std::max(out.offset, std::min(size, source.first_since(*log.since)));
    }
    // A beginning within a line waits for the next one.
    const std::uint64_t first = out.offset > 0 ? out.offset - 1 : 0;
    out.text = TRY(read_from(file, first, kTailMax + 1));
    out.end = first + out.text.size();
    if (out.offset > 0) {
        const std::size_t line = out.text.find('\n');
        const std::size_t cut = line == std::string::npos ? out.text.size() : line + 1;
        out.text.erase(0, cut);
        out.offset = first + cut;
    }
    if (log.tail_lines) {
        const std::size_t cut = tail_start(out.text, std::max<std::int64_t>(0, *log.tail_lines));
        out.text.erase(0, cut);
        out.offset += cut;
    }
    return out;
}

}  // namespace

void send_log(runtime::Runtime& runtime, const LogStart& log, LogSource source,
              std::shared_ptr<runtime::HttpResponder> responder) {
    if (!runtime.files.exists(source.path)) {
        const std::string who =
            fmt::format("container \"{}\" in pod \"{}\"", log.container, log.pod);
        refuse_log(*responder,
                   bad_request(log.previous ? fmt::format("previous terminated {} not found", who)
                                            : who + " is waiting to start"));
        return;
    }
    Result<std::unique_ptr<runtime::File>> file =
        runtime.files.open(source.path, runtime::OpenMode::read);
    Result<Stretch> stretch =
        file ? read_stretch(**file, log, source) : Result<Stretch>(fail(file.error()));
    if (!stretch) {
        refuse_log(*responder, bad_request("the log cannot be read: " + stretch.error().message));
        return;
    }
    std::optional<LineStamper> stamper;
    if (log.timestamps) {
        stamper.emplace(source.written_by);
        stretch->text = stamper->stamped(stretch->text, stretch->offset);
    }
    if (log.limit_bytes > 0 && stretch->text.size() > static_cast<std::size_t>(log.limit_bytes)) {
        stretch->text.resize(static_cast<std::size_t>(log.limit_bytes));
    }
    if (!log.follow) {
        responder->send(200, {{"content-type", "text/plain; charset=utf-8"}},
                        std::move(stretch->text));
        return;
    }
    responder->begin_stream(200, {{"content-type", "text/plain; charset=utf-8"}});
    if (!stretch->text.empty() && !responder->write(stretch->text)) {
        return;
    }
    std::make_shared<Follower>(runtime, std::move(source), std::move(*file), stretch->end,
                               std::move(stamper))
        ->start(std::move(responder));
}

}  // namespace millrace::kube_operator::local
