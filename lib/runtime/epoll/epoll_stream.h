// A TCP connection on an EpollLoop.
#pragma once

#include <memory>
#include <optional>

#include "lib/runtime/epoll/epoll_loop.h"
#include "lib/runtime/epoll/input_buffer.h"
#include "lib/runtime/epoll/output_queue.h"
#include "lib/runtime/epoll/socket.h"
#include "lib/runtime/network.h"

namespace millrace::runtime {

class EpollStream final : public Stream, private Watched {
 public:
    // Takes over a connected, non-blocking socket. Errors: io_error.
    static Result<std::unique_ptr<Stream>> make(EpollLoop& loop, OwnedDescriptor socket,
                                                const SocketAddress& peer);
    ~EpollStream() override;
    EpollStream(const EpollStream&) = delete;
    EpollStream& operator=(const EpollStream&) = delete;

    void set_handler(StreamHandler* handler) override;
    void set_limits(const StreamLimits& limits) override { x_limits = limits; }
    void write(Bytes bytes) override;
    void write_file(std::shared_ptr<File> file, std::uint64_t offset, std::uint64_t size) override;
    std::size_t queued_bytes() const override { return x_output.size(); }
    bool write_queue_full() const override { return x_output.size() > x_limits.output_bytes_high; }
    void pause_reading() override;
    void resume_reading() override;
    void close() override;
    Endpoint peer() const override { return x_peer.to_endpoint(); }
    Endpoint local() const override { return local_address(x_socket.get()).to_endpoint(); }

 private:
    // Where the stream stands. Only open reads; draining sends what is queued; closed has no socket any more.
    enum class Phase { open, draining, closed };

    EpollStream(EpollLoop& loop, OwnedDescriptor socket, const SocketAddress& peer)
        : x_loop(loop), x_socket(std::move(socket)), x_peer(peer) {}

    void on_events(std::uint32_t events) override;
    void on_go_on() override;
    void on_flush() override;

    void read_and_show();
    // The rest and what came behind it, or nothing. Sets x_readable, x_end_seen and x_failure.
    std::optional<BytesView> receive_behind_rest();
    ssize_t count_received(ssize_t count, std::size_t room);
    // False when the stream was destroyed or closed by the handler.
    bool show(BytesView bytes);
    void schedule_reading();
    void schedule_flush();
    void note_written();
    void finish(Status why);

    EpollLoop& x_loop;
    OwnedDescriptor x_socket;
    WatchId x_watch{};
    SocketAddress x_peer;
    StreamHandler* x_handler = nullptr;
    StreamLimits x_limits;
    InputBuffer x_rest;  // shown, and not consumed
    OutputQueue x_output;
    Phase x_phase = Phase::open;
    bool x_paused = false;
    bool x_readable = false;    // an event came, and the socket has not been read empty since
    bool x_peer_ended = false;  // the peer will send no more; the end may stand behind unread bytes
    bool x_end_seen = false;    // the end has been read
    bool x_rest_unseen = false;  // the handler paused; what it left may hold whole frames
    bool x_blocked = false;      // the socket takes no more bytes
    bool x_was_full = false;     // on_writable is owed
    bool x_flush_scheduled = false;
    bool x_reading_scheduled = false;
    std::optional<Error> x_failure;  // closes the stream at the end of the turn
    bool* x_destroyed = nullptr;     // set by the destructor while a callback runs
};

}  // namespace millrace::runtime
