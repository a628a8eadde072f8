#include "lib/runtime/http_server.h"

#include <map>

#include "lib/runtime/http_connection.h"

namespace millrace::runtime {
namespace {

constexpr int kStatusWhenFull = 503;

class StreamHttpServer final : public HttpServer, public HttpConnectionOwner {
 public:
    StreamHttpServer(Loop& loop, Network& network, const HttpServerOptions& options)
        : x_loop(loop), x_network(network), x_options(options) {}

    Status start(const Endpoint& at, Handler handler) override {
        x_handler = std::move(handler);
        x_listener = TRY(x_network.listen(
            at, {}, [this](std::unique_ptr<Stream> stream) { accept(std::move(stream)); }));
        return {};
    }

    Endpoint local() const override {
        return x_listener == nullptr ? Endpoint{} : x_listener->local();
    }

 private:
    void accept(std::unique_ptr<Stream> stream) {
        const bool full = x_connections.size() >= x_options.connections_max && !close_idlest();
        const std::uint64_t id = x_next_id++;
        const auto connection = std::make_shared<HttpConnection>(id, x_loop, x_options, *this);
        x_connections.emplace(id, connection);
        connection->start(std::move(stream));
        if (full) {
            connection->refuse(kStatusWhenFull, "too many connections");
        }
    }

    // False when every connection is being answered.
    bool close_idlest() {
        const HttpConnection* idlest = nullptr;
        for (const auto& [id, connection] : x_connections) {
            if (connection->is_waiting_for_request() &&
                (idlest == nullptr || connection->waiting_since() < idlest->waiting_since())) {
                idlest = connection.get();
            }
        }
        return idlest != nullptr && x_connections.erase(idlest->id()) > 0;
    }

    void on_request(const HttpRequest& request, std::shared_ptr<HttpResponder> responder) override {
        // A copy: the handler may destroy the server.
        const Handler handler = x_handler;
        handler(request, std::move(responder));
    }

    void on_ended(HttpConnection& connection) override { x_connections.erase(connection.id()); }

    Loop& x_loop;
    Network& x_network;
    const HttpServerOptions x_options;
    Handler x_handler;
    std::unique_ptr<Listener> x_listener;
    std::uint64_t x_next_id = 0;
    std::map<std::uint64_t, std::shared_ptr<HttpConnection>> x_connections;
};

}  // namespace

std::unique_ptr<HttpServer> make_http_server(Loop& loop, Network& network,
                                             const HttpServerOptions& options) {
    return std::make_unique<StreamHttpServer>(loop, network, options);
}

}  // namespace millrace::runtime
