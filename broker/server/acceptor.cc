#include "broker/server/acceptor.h"

#include "lib/base/log.h"

namespace millrace::broker::server {

namespace {

constexpr Duration kIdleCheck = 10s;

}  // namespace

Acceptor::Acceptor(runtime::Runtime runtime, const Config& config)
    : x_runtime(runtime),
      x_options{
          .request_bytes_max = static_cast<std::size_t>(config.int32("socket.request.max.bytes")),
          .idle_max = std::chrono::milliseconds(config.int64("connections.max.idle.ms"))},
      x_config(config) {}

Acceptor::~Acceptor() {
    x_runtime.loop.cancel(x_idle_timer);
}

Status Acceptor::bind(Listeners& listeners) {
    for (ListenerAddress& listener : listeners.all) {
        auto bound = TRY(x_runtime.network.bind(
            listener.bind, {.backlog = x_config.int32("socket.listen.backlog.size")},
            [this, name = listener.name](std::unique_ptr<runtime::Stream> stream) {
                accept(name, std::move(stream));
            }));
        if (listener.advertised.port == 0) {
            listener.advertised.port = bound->local().port;
        }
        log_info("listener", "{} on {}, advertised as {}", listener.name,
                 bound->local().to_string(), listener.advertised.to_string());
        x_listeners.push_back(std::move(bound));
    }
    return {};
}

Status Acceptor::serve(api::Services& services) {
    x_services = &services;
    for (const auto& listener : x_listeners) {
        TRY(listener->listen());
    }
    close_idle();
    return {};
}

void Acceptor::stop() {
    x_listeners.clear();
    for (auto& [id, held] : x_connections) {
        if (held.connection->idle()) {
            held.connection->close();
        }
    }
}

void Acceptor::accept(const std::string& listener, std::unique_ptr<runtime::Stream> stream) {
    const std::string address = stream->peer().host;
    std::size_t& from_address = x_per_address[address];
    const auto limit = [this](std::string_view key) {
        return static_cast<std::size_t>(x_config.int32(key));
    };
    if (x_connections.size() >= limit("max.connections") ||
        from_address >= limit("max.connections.per.ip")) {
        ++x_refused;
        log_warning("listener",
                    "refused a connection from {}: max.connections or max.connections.per.ip",
                    address);
        return;
    }
    ++from_address;
    const std::uint64_t id = x_next_id++;
    ConnectionOptions options = x_options;
    options.listener = listener;
    auto connection = std::make_unique<Connection>(*x_services, std::move(stream), options,
                                                   x_counters, [this, id] { remove(id); });
    x_connections.emplace(id, Held{std::move(connection), address});
}

void Acceptor::remove(std::uint64_t id) {
    const auto found = x_connections.find(id);
    const auto count = x_per_address.find(found->second.address);
    if (--count->second == 0) {
        x_per_address.erase(count);
    }
    x_connections.erase(found);
}

void Acceptor::close_idle() {
    const Instant now = x_runtime.loop.now();
    for (auto& [id, held] : x_connections) {
        if (held.connection->idle() && now - held.connection->last_active() > x_options.idle_max) {
            held.connection->close();
        }
    }
    x_idle_timer = x_runtime.loop.run_after(kIdleCheck, [this] { close_idle(); });
}

}  // namespace millrace::broker::server
