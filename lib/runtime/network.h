// Byte streams over TCP. All calls and callbacks happen on the one loop that owns them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/runtime/file_system.h"

namespace millrace::runtime {

struct Endpoint {
    std::string host;  // name or address; empty means all addresses when listening
    std::uint16_t port = 0;

    auto operator<=>(const Endpoint&) const = default;
    // "host:port", brackets around IPv6 addresses.
    std::string to_string() const;
    // Reads "host:port", "[v6]:port", ":port". Errors: invalid_argument.
    static Result<Endpoint> parse(std::string_view text);
};

// What a stream tells its owner. The owner outlives the stream.
class StreamHandler {
 public:
    virtual ~StreamHandler() = default;

    // Bytes that arrived and were not consumed yet, as one stretch. Returns how many are consumed;
    // the rest is shown again with what follows. Called once per turn and stream. Must return 0 to
    // wait for more. May call write, close, pause_reading.
    virtual std::size_t on_bytes(BytesView bytes) = 0;
    // The last call: the peer closed (ok), the connection broke, or a limit was passed. The stream
    // may be destroyed in it.
    virtual void on_closed(const Status& why) = 0;
    // The write queue has fallen below half its limit after having been above it.
    virtual void on_writable() {}
};

struct StreamLimits {
    std::size_t input_bytes_max =
        1 << 20;  // unconsumed bytes held; above, the stream closes with too_large
    std::size_t output_bytes_high =
        4 << 20;  // above, write_queue_full() is true and the owner should pause_reading
    std::size_t output_bytes_max =
        64 << 20;  // above, the stream closes with too_large (a peer that does not read)
};

// Destroying a stream closes it at once; no callback follows.
class Stream {
 public:
    virtual ~Stream() = default;

    // Must be set before the turn in which the stream was handed over ends.
    virtual void set_handler(StreamHandler* handler) = 0;
    virtual void set_limits(const StreamLimits& limits) = 0;

    // Queues bytes. All that was queued in one turn leaves with one system call at its end.
    virtual void write(Bytes bytes) = 0;
    // Queues a stretch of a file behind what is queued already; sendfile where possible. The file
    // is kept open till sent.
    virtual void write_file(std::shared_ptr<File> file, std::uint64_t offset,
                            std::uint64_t size) = 0;
    virtual std::size_t queued_bytes() const = 0;
    virtual bool write_queue_full() const = 0;

    // While paused, nothing is read from the socket, and on_bytes is not called.
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;

    // Sends what is queued, then closes; on_closed(ok) follows.
    virtual void close() = 0;

    virtual Endpoint peer() const = 0;
    virtual Endpoint local() const = 0;
};

// Destroying a listener stops it; accepted streams live on.
class Listener {
 public:
    virtual ~Listener() = default;
    // Connections are taken from now on. Errors: address_in_use (another socket was bound to the address too and listens
    // since), io_error.
    virtual Status listen() = 0;
    // The address it is bound to; with port 0 asked for, the port the system chose.
    virtual Endpoint local() const = 0;
};

struct ListenOptions {
    int backlog = 4096;
    bool reuse_port = false;
};

class Network {
 public:
    virtual ~Network() = default;

    using AcceptCallback = std::function<void(std::unique_ptr<Stream>)>;
    using ConnectCallback = std::move_only_function<void(Result<std::unique_ptr<Stream>>)>;

    // A listener that has its address; connections are refused until its listen(). Errors: address_in_use, invalid_argument
    // (name does not resolve), io_error.
    virtual Result<std::unique_ptr<Listener>> bind(const Endpoint& at, const ListenOptions& options,
                                                   AcceptCallback on_accept) = 0;
    // Both at once. Errors: those of both.
    Result<std::unique_ptr<Listener>> listen(const Endpoint& at, const ListenOptions& options,
                                             AcceptCallback on_accept) {
        std::unique_ptr<Listener> listener = TRY(bind(at, options, std::move(on_accept)));
        TRY(listener->listen());
        return listener;
    }
    // Resolves the name off the loop and connects; the callback runs in a later turn. Errors:
    // connection_lost, timed_out.
    virtual void connect(const Endpoint& to, Duration timeout, ConnectCallback on_connected) = 0;
};

}  // namespace millrace::runtime
