#include "broker/server/connection.h"

#include <fmt/format.h>

#include <limits>

#include "lib/base/check.h"
#include "lib/base/log.h"

namespace millrace::broker::server {

// The place of one answer. Outlives the connection when a handler still holds it.
class Connection::Slot : public api::Exchange {
 public:
    Slot(Connection& owner, std::shared_ptr<bool> alive)
        : x_owner(owner), x_alive(std::move(alive)) {}

    void send(wire::Writer frame, std::vector<api::FilePiece> pieces) override {
        x_frame = std::move(frame);
        x_pieces = std::move(pieces);
        finish(true);
    }
    void send_nothing() override { finish(false); }
    void when_gone(std::function<void()> then) override { x_when_gone = std::move(then); }
    void refuse(const Error& why) override {
        CHECK(!x_done, "a request is answered twice");
        x_done = true;
        if (*x_alive) {
            x_owner.refuse(why);
        }
    }

    void tell_gone() {
        if (const auto then = std::exchange(x_when_gone, nullptr); then && !x_done) {
            then();
        }
    }

    bool done() const { return x_done; }
    bool has_answer() const { return x_has_answer; }
    wire::Writer& frame() { return x_frame; }
    std::vector<api::FilePiece>& pieces() { return x_pieces; }

 private:
    void finish(bool has_answer) {
        CHECK(!x_done, "a request is answered twice");
        x_done = true;
        x_has_answer = has_answer;
        x_when_gone = nullptr;
        if (*x_alive) {
            x_owner.send_ready();
        }
    }

    Connection& x_owner;
    std::shared_ptr<bool> x_alive;
    wire::Writer x_frame;
    std::vector<api::FilePiece> x_pieces;
    std::function<void()> x_when_gone;
    bool x_done = false;
    bool x_has_answer = false;
};

Connection::Connection(api::Services& services, std::unique_ptr<runtime::Stream> stream,
                       const ConnectionOptions& options, TrafficCounters& counters,
                       std::function<void()> on_end)
    : x_services(services),
      x_stream(std::move(stream)),
      x_options(options),
      x_counters(counters),
      x_on_end(std::move(on_end)),
      x_client_host("/" + x_stream->peer().host),
      x_last_active(services.loop.now()),
      x_alive(std::make_shared<bool>(true)) {
    // Answers are queued one at a time once the queue is full, so it holds the mark and one answer at most.
    x_stream->set_limits({.input_bytes_max = options.request_bytes_max + kafka::kFrameLengthSize,
                          .output_bytes_max = std::numeric_limits<std::size_t>::max()});
    x_stream->set_handler(this);
}

Connection::~Connection() {
    *x_alive = false;
    tell_gone();
}

std::size_t Connection::on_bytes(BytesView bytes) {
    x_last_active = x_services.loop.now();
    std::size_t consumed = 0;
    while (!x_ended && x_slots.size() < x_options.requests_max && !x_stream->write_queue_full()) {
        const BytesView rest = bytes.subspan(consumed);
        wire::Reader reader(rest);
        const std::int32_t length = reader.int32();
        if (!reader.ok()) {
            break;
        }
        if (length < 0 || static_cast<std::size_t>(length) > x_options.request_bytes_max) {
            refuse({Errc::too_large, fmt::format("a frame of {} bytes; at most {} are allowed",
                                                 length, x_options.request_bytes_max)});
            break;
        }
        const auto size = static_cast<std::size_t>(length);
        if (reader.remaining() < size) {
            break;
        }
        consumed += kafka::kFrameLengthSize + size;
        x_counters.bytes_in += kafka::kFrameLengthSize + size;
        handle_frame(rest.subspan(kafka::kFrameLengthSize, size));
    }
    update_reading();
    return x_ended ? bytes.size() : consumed;
}

void Connection::handle_frame(BytesView frame) {
    ++x_counters.requests;
    auto request = kafka::parse_request_frame(frame);
    if (!request) {
        refuse(request.error());
        return;
    }
    auto slot = std::make_shared<Slot>(*this, x_alive);
    slot->header = std::move(request->header);
    slot->listener = x_options.listener;
    slot->client_host = x_client_host;
    x_slots.push_back(slot);
    api::dispatch(x_services, std::move(slot), request->body);
}

void Connection::send_ready() {
    while (!x_slots.empty() && x_slots.front()->done() &&
           (x_ended || !x_stream->write_queue_full())) {
        const std::shared_ptr<Slot> slot = std::move(x_slots.front());
        x_slots.pop_front();
        if (slot->has_answer() && !x_ended) {
            send(std::move(slot->frame()), slot->pieces());
        }
    }
    update_reading();
}

void Connection::send(wire::Writer frame, std::vector<api::FilePiece>& pieces) {
    x_counters.bytes_out += frame.size_with_gaps();
    if (frame.gaps().empty()) {
        x_stream->write(frame.take());
        return;
    }
    const std::vector<wire::Gap> gaps = frame.gaps();
    const Bytes bytes = frame.take();
    std::size_t at = 0;
    const auto write_up_to = [&](std::size_t end) {
        if (end > at) {
            x_stream->write(Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                  bytes.begin() + static_cast<std::ptrdiff_t>(end)));
            at = end;
        }
    };
    for (const wire::Gap& gap : gaps) {
        write_up_to(gap.position);
        api::FilePiece& piece = pieces[gap.id];
        x_stream->write_file(std::move(piece.file), piece.position, piece.size);
    }
    write_up_to(bytes.size());
}

void Connection::refuse(const Error& why) {
    if (x_ended) {
        return;
    }
    ++x_counters.refused;
    log_info("connection", "closing {}: {}", x_stream->peer().to_string(), why.message);
    close();
}

void Connection::close() {
    if (!x_ended) {
        x_stream->close();
        end();
    }
}

void Connection::on_closed(const Status&) {
    end();
}

void Connection::on_writable() {
    send_ready();
}

void Connection::end() {
    if (x_ended) {
        return;
    }
    x_ended = true;
    tell_gone();
    // What is queued for the client leaves before the stream goes with its owner.
    x_services.loop.post([alive = x_alive, this] {
        if (*alive) {
            x_on_end();
        }
    });
}

void Connection::tell_gone() {
    for (const std::shared_ptr<Slot>& slot : x_slots) {
        slot->tell_gone();
    }
}

void Connection::update_reading() {
    const bool wants_pause =
        !x_ended && (x_slots.size() >= x_options.requests_max || x_stream->write_queue_full());
    if (wants_pause == x_paused || x_ended) {
        return;
    }
    x_paused = wants_pause;
    if (wants_pause) {
        x_stream->pause_reading();
    } else {
        x_stream->resume_reading();
    }
}

}  // namespace millrace::broker::server
