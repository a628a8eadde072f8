#include "lib/zk/client_driver.h"

#include <algorithm>

#include "lib/base/log.h"

namespace millrace::zk {
namespace {

// Between two rounds over the list of servers, doubled each round.
constexpr Duration kPauseMin = 100ms;
constexpr Duration kPauseMax = 2s;
constexpr Duration kConnectTimeoutMin = 500ms;

}  // namespace

ClientDriver::ClientDriver(runtime::Loop& loop, runtime::Network& network, ClientOptions options,
                           std::function<void(SessionEvent)> on_event)
    : x_loop(loop),
      x_network(network),
      x_options(std::move(options)),
      x_session({x_options.session_timeout, x_options.servers.chroot, x_options.outstanding_max,
                 x_options.frame_bytes_max},
                std::move(on_event)) {}

void ClientDriver::start() {
    // Clients of one list spread over its servers.
    auto& servers = x_options.servers.servers;
    for (std::size_t i = servers.size(); i > 1; --i) {
        std::swap(servers[i - 1], servers[x_loop.random().below(i)]);
    }
    x_loop.post([self = weak_from_this()] {
        if (const auto driver = self.lock()) {
            driver->connect_next();
        }
    });
}

void ClientDriver::abandon() {
    x_abandoned = true;
    x_session.abandon();
    drop_connection();
    x_loop.cancel(x_timer);
    x_loop.cancel(x_connect_timer);
}

void ClientDriver::close(runtime::Task then) {
    // std::function must be copyable; the task is not.
    const auto task = std::make_shared<runtime::Task>(std::move(then));
    x_session.close([task] { (*task)(); });
    settle();
}

void ClientDriver::submit(ClientSession::Request request) {
    x_session.submit(std::move(request));
    send_at_turn_end();
}

void ClientDriver::add_auth(std::string scheme, Bytes credentials, ClientSession::Reply then) {
    x_session.add_auth(std::move(scheme), std::move(credentials), std::move(then));
    send_at_turn_end();
}

Duration ClientDriver::connect_timeout() const {
    const auto servers = static_cast<Duration::rep>(x_options.servers.servers.size());
    return std::max(x_options.session_timeout / servers, kConnectTimeoutMin);
}

void ClientDriver::connect_next() {
    if (x_abandoned || x_session.finished()) {
        return;
    }
    const auto& servers = x_options.servers.servers;
    const runtime::Endpoint& server = servers[x_next_server++ % servers.size()];
    x_network.connect(server, connect_timeout(),
                      [self = weak_from_this()](Result<std::unique_ptr<runtime::Stream>> result) {
                          if (const auto driver = self.lock()) {
                              driver->on_connect(std::move(result));
                          }
                      });
}

void ClientDriver::on_connect(Result<std::unique_ptr<runtime::Stream>> result) {
    if (x_abandoned || x_session.finished()) {
        return;
    }
    if (!result) {
        on_connection_end(result.error().to_string());
        return;
    }
    x_connection = std::make_shared<Connection>(*this);
    x_connection->stream = std::move(*result);
    runtime::StreamLimits limits;
    limits.input_bytes_max = x_options.frame_bytes_max + 4;
    x_connection->stream->set_limits(limits);
    x_connection->stream->set_handler(x_connection.get());
    x_session.connected(x_loop.now());
    settle();
}

std::size_t ClientDriver::Connection::on_bytes(BytesView bytes) {
    if (driver == nullptr) {
        return bytes.size();
    }
    const std::shared_ptr<ClientDriver> keep = driver->shared_from_this();
    const std::size_t read = keep->x_session.on_bytes(bytes, keep->x_loop.now());
    if (keep->x_session.confirmed()) {
        keep->x_failures = 0;
    }
    keep->settle();
    return read;
}

void ClientDriver::Connection::on_closed(const Status& why) {
    if (driver == nullptr) {
        return;
    }
    const std::shared_ptr<ClientDriver> keep = driver->shared_from_this();
    keep->drop_connection();
    keep->x_session.connection_lost();
    keep->on_connection_end(why ? "the server closed the connection" : why.error().to_string());
}

void ClientDriver::on_connection_end(std::string_view why) {
    if (x_abandoned || x_session.finished()) {
        return;
    }
    const std::size_t servers = x_options.servers.servers.size();
    const std::size_t rounds = x_failures++ / servers;
    log_debug("zookeeper client", "connection {} ended: {}", x_failures, why);
    Duration pause{};
    if (x_failures > 1 && x_next_server % servers == 0) {
        pause =
            std::min(kPauseMax, kPauseMin * (std::int64_t{1} << std::min<std::size_t>(rounds, 8)));
        // Clients that lost the same server do not all come back in the same moment.
        const auto half = static_cast<std::uint64_t>(pause.count() / 2);
        pause = Duration(static_cast<Duration::rep>(half + x_loop.random().below(half)));
    }
    x_connect_timer = x_loop.run_after(pause, [self = weak_from_this()] {
        if (const auto driver = self.lock()) {
            driver->connect_next();
        }
    });
}

void ClientDriver::settle() {
    if (x_abandoned) {
        return;
    }
    if (x_connection && x_session.wants_drop()) {
        drop_connection();
        const auto keep = shared_from_this();
        x_session.connection_lost();
        on_connection_end("dropped");
    }
    send_at_turn_end();
    arm_timer();
}

void ClientDriver::drop_connection() {
    if (!x_connection) {
        return;
    }
    // The stream may be in the middle of telling its handler something; both go in a later turn.
    x_connection->driver = nullptr;
    x_loop.post([gone = std::move(x_connection)] { gone->stream.reset(); });
    x_connection.reset();
}

void ClientDriver::send_at_turn_end() {
    if (x_session.has_refused() && !std::exchange(x_refused_scheduled, true)) {
        x_loop.post([self = weak_from_this()] {
            const auto driver = self.lock();
            if (driver && !driver->x_abandoned) {
                driver->x_refused_scheduled = false;
                driver->x_session.answer_refused();
                driver->settle();
            }
        });
    }
    if (!x_session.has_output() || std::exchange(x_send_scheduled, true)) {
        return;
    }
    x_loop.at_turn_end([self = weak_from_this()] {
        const auto driver = self.lock();
        if (!driver) {
            return;
        }
        driver->x_send_scheduled = false;
        if (driver->x_connection && driver->x_session.has_output()) {
            driver->x_connection->stream->write(
                driver->x_session.take_output(driver->x_loop.now()));
        }
    });
}

void ClientDriver::arm_timer() {
    // A deadline mostly moves away; so the timer is set anew when it fires, not at every request. It comes nearer when a
    // server grants less time than was asked for.
    const std::optional<Instant> deadline = x_session.deadline();
    if (!deadline || (x_timer != runtime::TimerId::none && x_timer_at <= *deadline)) {
        return;
    }
    x_loop.cancel(x_timer);
    x_timer_at = *deadline;
    x_timer = x_loop.run_at(*deadline, [self = weak_from_this()] {
        const auto driver = self.lock();
        if (driver && !driver->x_abandoned) {
            driver->x_timer = runtime::TimerId::none;
            driver->x_session.on_time(driver->x_loop.now());
            driver->settle();
        }
    });
}

}  // namespace millrace::zk
