#include "lib/runtime/epoll/epoll_stream.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

#include "lib/base/check.h"
#include "lib/runtime/posix/posix_error.h"

namespace millrace::runtime {
namespace {

// In-place room used at most for one read of a long frame, so that one stream cannot hold a turn for long.
constexpr std::size_t kRoomPerRead = 256 * 1024;

}  // namespace

Result<std::unique_ptr<Stream>> EpollStream::make(EpollLoop& loop, OwnedDescriptor socket,
                                                  const SocketAddress& peer) {
    prepare_connection(socket.get());
    std::unique_ptr<EpollStream> stream(new EpollStream(loop, std::move(socket), peer));
    // Without a registration there is nothing to undo in the destructor.
    stream->x_phase = Phase::closed;
    stream->x_watch = TRY(loop.watch(stream->x_socket.get(), *stream));
    stream->x_phase = Phase::open;
    return std::unique_ptr<Stream>(std::move(stream));
}

EpollStream::~EpollStream() {
    if (x_destroyed != nullptr) {
        *x_destroyed = true;
    }
    if (x_phase != Phase::closed) {
        x_loop.unwatch(x_socket.get(), x_watch);
    }
}

void EpollStream::set_handler(StreamHandler* handler) {
    x_handler = handler;
    if (x_readable) {
        schedule_reading();
    }
}

void EpollStream::on_events(std::uint32_t events) {
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        x_peer_ended = true;
    }
    if ((events & EPOLLOUT) != 0 && x_blocked) {
        x_blocked = false;
        schedule_flush();
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && x_paused && x_phase == Phase::open) {
        // Nobody reads, so nobody would ever see the error.
        finish(fail(Errc::connection_lost, "connection reset by peer"));
        return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        x_readable = true;
        if (!x_reading_scheduled) {
            read_and_show();
        }
    }
}

void EpollStream::on_go_on() {
    if (x_reading_scheduled) {
        x_reading_scheduled = false;
        read_and_show();
    }
}

void EpollStream::schedule_reading() {
    if (!x_reading_scheduled && x_phase == Phase::open) {
        x_reading_scheduled = true;
        x_loop.go_on_next_turn(x_watch);
    }
}

void EpollStream::read_and_show() {
    if (x_phase != Phase::open || x_paused || x_handler == nullptr) {
        return;
    }
    BytesView bytes = x_rest.view();
    bool fresh = std::exchange(x_rest_unseen, false) && !bytes.empty();
    if (x_readable) {
        if (const auto received = receive_behind_rest()) {
            bytes = *received;
            fresh = true;
        }
    }
    if (x_failure) {
        finish(fail(std::move(*x_failure)));
        return;
    }
    if (fresh && !show(bytes)) {
        return;
    }
    if (x_end_seen) {
        if (x_output.empty()) {
            finish({});
        } else {
            close();
        }
    } else if (x_readable) {
        schedule_reading();
    }
}

std::optional<BytesView> EpollStream::receive_behind_rest() {
    const std::span<std::byte> shared = x_loop.read_buffer();
    if (x_rest.empty()) {
        const ssize_t count =
            count_received(retry_interrupted([&] {
                               return ::recv(x_socket.get(), shared.data(), shared.size(), 0);
                           }),
                           shared.size());
        if (count <= 0) {
            return std::nullopt;
        }
        return BytesView(shared.data(), static_cast<std::size_t>(count));
    }
    const std::span<std::byte> room =
        x_rest.room().first(std::min(x_rest.room().size(), kRoomPerRead));
    std::array<iovec, 2> vector{{{room.data(), room.size()}, {shared.data(), shared.size()}}};
    const ssize_t received =
        count_received(retry_interrupted([&] { return ::readv(x_socket.get(), vector.data(), 2); }),
                       room.size() + shared.size());
    if (received <= 0) {
        return std::nullopt;
    }
    const auto count = static_cast<std::size_t>(received);
    const std::size_t in_place = std::min(count, room.size());
    x_rest.commit(in_place);
    x_rest.append(BytesView(shared.data(), count - in_place));
    return x_rest.view();
}

ssize_t EpollStream::count_received(ssize_t count, std::size_t room) {
    if (count == 0) {
        x_readable = false;
        x_end_seen = true;
    } else if (count < 0) {
        x_readable = false;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            x_failure = fail_errno(errno, "receive from", "peer").error();
        }
    } else if (static_cast<std::size_t>(count) < room) {
        // A short read empties the socket; what comes later brings an event. An end seen already brings none.
        x_readable = x_peer_ended;
    }
    return count;
}

bool EpollStream::show(BytesView bytes) {
    bool destroyed = false;
    x_destroyed = &destroyed;
    const std::size_t consumed = x_handler->on_bytes(bytes);
    if (destroyed) {
        return false;
    }
    x_destroyed = nullptr;
    CHECK(consumed <= bytes.size(), "a handler consumed more than it was shown");
    if (x_rest.empty()) {
        x_rest.append(bytes.subspan(consumed));
    } else {
        x_rest.consume(consumed);
    }
    if (x_phase != Phase::open) {
        return false;
    }
    if (x_rest.size() > x_limits.input_bytes_max) {
        finish(fail(Errc::too_large, fmt::format("{} unconsumed bytes; at most {} are held",
                                                 x_rest.size(), x_limits.input_bytes_max)));
        return false;
    }
    return true;
}

void EpollStream::pause_reading() {
    x_paused = true;
    x_rest_unseen = true;
}

void EpollStream::resume_reading() {
    if (std::exchange(x_paused, false)) {
        schedule_reading();
    }
}

void EpollStream::write(Bytes bytes) {
    if (x_phase == Phase::open && !x_failure) {
        x_output.add(std::move(bytes));
        note_written();
    }
}

void EpollStream::write_file(std::shared_ptr<File> file, std::uint64_t offset, std::uint64_t size) {
    if (x_phase == Phase::open && !x_failure) {
        x_output.add_file(std::move(file), offset, size);
        note_written();
    }
}

void EpollStream::note_written() {
    x_was_full = x_was_full || write_queue_full();
    if (x_output.size() > x_limits.output_bytes_max) {
        x_failure = Error{Errc::too_large,
                          fmt::format("the peer does not read: {} bytes wait for it; at most {} do",
                                      x_output.size(), x_limits.output_bytes_max)};
    }
    schedule_flush();
}

void EpollStream::close() {
    if (x_phase == Phase::open) {
        x_phase = Phase::draining;
        schedule_flush();
    }
}

void EpollStream::schedule_flush() {
    const bool can_act = !x_blocked || x_failure.has_value() || x_output.empty();
    if (!x_flush_scheduled && x_phase != Phase::closed && can_act) {
        x_flush_scheduled = true;
        x_loop.flush_at_turn_end(x_watch);
    }
}

void EpollStream::on_flush() {
    x_flush_scheduled = false;
    if (x_failure) {
        finish(fail(std::move(*x_failure)));
        return;
    }
    if (!x_blocked && !x_output.empty()) {
        const Result<SendOutcome> outcome = x_output.send(x_socket.get());
        if (!outcome) {
            finish(fail(outcome.error()));
            return;
        }
        x_blocked = *outcome == SendOutcome::blocked;
        if (*outcome == SendOutcome::budget_spent) {
            // The next turn's end, not this one's: others come first.
            x_flush_scheduled = true;
            x_loop.post([&loop = x_loop, watch = x_watch] { loop.flush_at_turn_end(watch); });
        }
    }
    if (x_phase == Phase::draining && x_output.empty()) {
        finish({});
        return;
    }
    if (x_was_full && x_output.size() <= x_limits.output_bytes_high / 2 && x_handler != nullptr) {
        x_was_full = false;
        x_handler->on_writable();
    }
}

void EpollStream::finish(Status why) {
    CHECK(x_phase != Phase::closed);
    x_phase = Phase::closed;
    x_output.clear();
    x_loop.unwatch(x_socket.get(), x_watch);
    if (why) {
        // Unread bytes in the socket would make the kernel send a reset, which can overtake what was sent last.
        ::shutdown(x_socket.get(), SHUT_WR);
        ::recv(x_socket.get(), x_loop.read_buffer().data(), x_loop.read_buffer().size(),
               MSG_DONTWAIT);
    }
    x_socket.reset();
    if (StreamHandler* const handler = std::exchange(x_handler, nullptr)) {
        handler->on_closed(why);
    }
}

}  // namespace millrace::runtime
