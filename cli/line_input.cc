#include "cli/line_input.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "lib/runtime/posix/posix_error.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kPieceBytes = 128 * 1024;
// Pieces of one turn, so that the network gets its share.
constexpr int kPiecesOfTurn = 4;

bool readable_now() {
    pollfd wanted{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    return ::poll(&wanted, 1, 0) > 0;
}

}  // namespace

LineInput::~LineInput() {
    if (x_watch) {
        x_loop.unwatch(STDIN_FILENO, *x_watch);
    }
}

void LineInput::start(std::function<void(std::string_view)> on_line,
                      std::function<void(Status)> on_end) {
    x_on_line = std::move(on_line);
    x_on_end = std::move(on_end);
    x_buffer = std::make_unique<char[]>(kPieceBytes);
    if (const auto watch = x_loop.watch(STDIN_FILENO, *this)) {
        x_watch = *watch;
    }
    read_later();
}

void LineInput::resume() {
    if (x_paused) {
        x_paused = false;
        read_later();
    }
}

void LineInput::on_events(std::uint32_t) {
    read_later();
}

void LineInput::read_later() {
    if (x_scheduled || x_ended) {
        return;
    }
    x_scheduled = true;
    x_loop.post([this, alive = std::weak_ptr(x_alive)] {
        if (!alive.expired()) {
            x_scheduled = false;
            read_pieces();
        }
    });
}

void LineInput::read_pieces() {
    for (int i = 0; i < kPiecesOfTurn; ++i) {
        if (x_paused || x_ended || (x_watch && !readable_now())) {
            return;
        }
        const ssize_t count = runtime::retry_interrupted(
            [this] { return ::read(STDIN_FILENO, x_buffer.get(), kPieceBytes); });
        if (count < 0 && errno != EAGAIN) {
            end(runtime::fail_errno(errno, "cannot read", "standard input"));
            return;
        }
        if (count < 0) {
            return;
        }
        if (count == 0) {
            if (!x_rest.empty()) {
                give(std::exchange(x_rest, {}));
            }
            end({});
            return;
        }
        if (!take({x_buffer.get(), static_cast<std::size_t>(count)})) {
            end(fail(Errc::too_large, fmt::format("a line of more than {} bytes", kLineBytesMax)));
            return;
        }
    }
    read_later();
}

bool LineInput::take(std::string_view piece) {
    while (!piece.empty() && !x_ended) {
        const std::size_t stop = piece.find('\n');
        const std::string_view part = piece.substr(0, stop);
        if (stop == std::string_view::npos || !x_rest.empty()) {
            if (x_rest.size() + part.size() > kLineBytesMax) {
                return false;
            }
            x_rest += part;
        }
        if (stop == std::string_view::npos) {
            return true;
        }
        piece.remove_prefix(stop + 1);
        if (x_rest.empty()) {
            give(part);
        } else {
            give(std::exchange(x_rest, {}));
        }
    }
    return true;
}

void LineInput::give(std::string_view line) {
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    x_on_line(line);
}

void LineInput::end(Status why) {
    if (!x_ended) {
        x_ended = true;
        x_on_end(std::move(why));
    }
}

}  // namespace millrace::cli
