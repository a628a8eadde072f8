// One request of a client and the place of its answer. Answers leave in the order of the requests, whenever they are ready.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/kafka/request_frame.h"
#include "lib/kafka/response_of.h"
#include "lib/runtime/file_system.h"

namespace millrace::broker::api {

// Fills the gap of a frame with the same id (wire::Writer::external).
struct FilePiece {
    std::shared_ptr<runtime::File> file;
    std::uint64_t position = 0;
    std::uint32_t size = 0;
};

// Implemented by the connection. Exactly one of send, send_nothing and refuse is called, once, on the loop; the connection may be gone by then.
class Exchange {
 public:
    virtual ~Exchange() = default;

    // The whole frame; pieces by the id of their gap.
    virtual void send(wire::Writer frame, std::vector<FilePiece> pieces) = 0;
    // The request has no answer (Produce with acks=0).
    virtual void send_nothing() = 0;
    // then runs once if the client goes before it is answered: nobody waits any more, and no answer need follow. The latest call
    // counts.
    virtual void when_gone(std::function<void()> then) = 0;
    // The request cannot be answered: the connection is closed, and the reason goes to the log.
    virtual void refuse(const Error& why) = 0;

    kafka::RequestHeader header;
    std::string listener;     // the name of the listener it came in by
    std::string client_host;  // "/10.0.0.1", as Java prints an address
};

// The typed end of an exchange.
template <class Request>
class Call {
 public:
    explicit Call(std::shared_ptr<Exchange> exchange) : x_exchange(std::move(exchange)) {}

    std::int16_t version() const { return x_exchange->header.version; }
    std::string client_id() const { return x_exchange->header.client_id.value_or(""); }
    const std::string& listener() const { return x_exchange->listener; }
    const std::string& client_host() const { return x_exchange->client_host; }

    void respond(const kafka::ResponseOf<Request>& response) const {
        x_exchange->send(kafka::response_frame(x_exchange->header, response), {});
    }
    void respond(const kafka::ResponseOf<Request>& response, std::vector<FilePiece> pieces) const {
        x_exchange->send(kafka::response_frame(x_exchange->header, response), std::move(pieces));
    }
    void when_gone(std::function<void()> then) const { x_exchange->when_gone(std::move(then)); }
    void respond_nothing() const { x_exchange->send_nothing(); }
    void refuse(const Error& why) const { x_exchange->refuse(why); }

 private:
    std::shared_ptr<Exchange> x_exchange;
};

}  // namespace millrace::broker::api
