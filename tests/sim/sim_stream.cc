#include "tests/sim/sim_stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::sim {

SimStream::SimStream(SimNetwork& network, std::shared_ptr<Wire> wire, std::size_t side)
    : x_network(network), x_wire(std::move(wire)), x_side(side) {
    own().stream = this;
    own().loop = &network.loop();
}

SimStream::~SimStream() {
    if (x_destroyed != nullptr) {
        *x_destroyed = true;
    }
    if (x_phase != Phase::closed) {
        own().stream = nullptr;
        if (!x_network.silent()) {
            const bool unread = !x_rest.empty();
            x_network.fabric().send(x_wire, 1 - x_side,
                                    {unread ? Segment::Kind::reset : Segment::Kind::end, Bytes{}});
        }
    }
}

void SimStream::set_handler(runtime::StreamHandler* handler) {
    x_handler = handler;
    if (x_unseen || x_end_seen) {
        show_later();
    }
}

void SimStream::resume_reading() {
    if (std::exchange(x_paused, false)) {
        x_unseen = !x_rest.empty();
        show_later();
    }
}

void SimStream::show_later() {
    x_network.loop().post([this, alive = std::weak_ptr(x_alive)] {
        if (!alive.expired()) {
            show();
        }
    });
}

void SimStream::receive(Segment segment) {
    if (x_phase == Phase::closed) {
        return;
    }
    switch (segment.kind) {
        case Segment::Kind::data:
            x_rest.insert(x_rest.end(), segment.bytes.begin(), segment.bytes.end());
            x_unseen = true;
            break;
        case Segment::Kind::end:
            x_end_seen = true;
            break;
        case Segment::Kind::reset:
            finish(fail(Errc::connection_lost, "connection reset by peer"), Segment::Kind::data);
            return;
    }
    show();
}

void SimStream::show() {
    if (x_phase != Phase::open || x_paused || x_handler == nullptr) {
        if (x_phase == Phase::draining) {
            x_rest.clear();
            window_opened();
        }
        return;
    }
    if (std::exchange(x_unseen, false)) {
        bool destroyed = false;
        x_destroyed = &destroyed;
        const std::size_t consumed = x_handler->on_bytes(x_rest);
        if (destroyed) {
            return;
        }
        x_destroyed = nullptr;
        CHECK(consumed <= x_rest.size(), "a handler consumed more than it was shown");
        x_rest.erase(x_rest.begin(), x_rest.begin() + static_cast<std::ptrdiff_t>(consumed));
        if (consumed > 0) {
            window_opened();
        }
        if (x_phase != Phase::open) {
            return;
        }
        if (x_rest.size() > x_limits.input_bytes_max) {
            finish(fail(Errc::too_large, "too many unconsumed bytes"), Segment::Kind::reset);
            return;
        }
    }
    if (x_end_seen && !x_paused) {
        if (x_queued == 0) {
            finish({}, Segment::Kind::end);
        } else {
            close();
        }
    }
}

// The peer hears of the room a moment later.
void SimStream::window_opened() {
    Wire::End& peer = other();
    if (peer.stream == nullptr || peer.stream->x_queued == 0) {
        return;
    }
    peer.loop->turn_after(x_network.fabric().delay(own().host, peer.host),
                          [wire = x_wire, side = 1 - x_side] {
                              if (SimStream* const stream = wire->ends[side].stream) {
                                  stream->plan_flush();
                              }
                          });
}

void SimStream::write(Bytes bytes) {
    if (!bytes.empty()) {
        const std::size_t size = bytes.size();
        added({std::move(bytes), nullptr, 0, size});
    }
}

void SimStream::write_file(std::shared_ptr<runtime::File> file, std::uint64_t offset,
                           std::uint64_t size) {
    added({{}, std::move(file), offset, size});
}

void SimStream::added(Piece piece) {
    if (x_phase != Phase::open || x_failure) {
        return;
    }
    x_queued += piece.size;
    x_output.push_back(std::move(piece));
    x_was_full = x_was_full || write_queue_full();
    if (x_queued > x_limits.output_bytes_max) {
        x_failure = Error{Errc::too_large, "the peer does not read"};
    }
    plan_flush();
}

void SimStream::close() {
    if (x_phase == Phase::open) {
        x_phase = Phase::draining;
        plan_flush();
    }
}

void SimStream::plan_flush() {
    if (x_flush_planned || x_phase == Phase::closed) {
        return;
    }
    x_flush_planned = true;
    x_network.loop().at_turn_end([this, alive = std::weak_ptr(x_alive)] {
        if (!alive.expired()) {
            x_flush_planned = false;
            flush();
        }
    });
}

void SimStream::flush() {
    if (x_phase == Phase::closed || x_network.silent()) {
        return;
    }
    if (x_failure) {
        finish(fail(std::move(*x_failure)), Segment::Kind::reset);
        return;
    }
    const std::size_t on_the_way =
        other().flight_bytes + (other().stream == nullptr ? 0 : other().stream->x_rest.size());
    std::size_t room = kWindowBytes - std::min(kWindowBytes, on_the_way);
    while (room > 0 && x_queued > 0) {
        if (const Status read = gather(); !read) {
            finish(fail(read.error()), Segment::Kind::reset);
            return;
        }
        // Now a few bytes, now whole answers: frames arrive in pieces.
        Random& random = x_network.fabric().random();
        const std::uint64_t most = random.chance(0.2) ? 40 : random.chance(0.5) ? 1'460 : 32'768;
        const std::size_t size =
            std::min({x_ready.size(), room, std::size_t{1} + random.below(most)});
        const auto cut = x_ready.begin() + static_cast<std::ptrdiff_t>(size);
        x_network.fabric().send(x_wire, 1 - x_side,
                                {Segment::Kind::data, Bytes(x_ready.begin(), cut)});
        x_ready.erase(x_ready.begin(), cut);
        x_queued -= size;
        room -= size;
    }
    if (x_phase == Phase::draining && x_queued == 0) {
        finish({}, Segment::Kind::end);
        return;
    }
    if (x_was_full && x_queued <= x_limits.output_bytes_high / 2 && x_handler != nullptr) {
        x_was_full = false;
        x_handler->on_writable();
    }
}

// Moves everything queued into x_ready; what comes from a file is read now, as sendfile would.
Status SimStream::gather() {
    while (!x_output.empty()) {
        Piece piece = std::move(x_output.front());
        x_output.pop_front();
        if (piece.file != nullptr) {
            piece.bytes.resize(piece.size);
            const std::size_t count = TRY(piece.file->read_at(piece.offset, piece.bytes));
            if (count < piece.size) {
                return fail(Errc::io_error, "a file is shorter than what is to be sent of it");
            }
        }
        x_ready.insert(x_ready.end(), piece.bytes.begin(), piece.bytes.end());
    }
    return {};
}

// told: what the peer hears; data stands for nothing.
void SimStream::finish(Status why, Segment::Kind told) {
    CHECK(x_phase != Phase::closed);
    x_phase = Phase::closed;
    x_output.clear();
    x_ready.clear();
    x_queued = 0;
    own().stream = nullptr;
    if (told != Segment::Kind::data && !x_network.silent()) {
        x_network.fabric().send(x_wire, 1 - x_side, {told, Bytes{}});
    }
    if (runtime::StreamHandler* const handler = std::exchange(x_handler, nullptr)) {
        handler->on_closed(why);
    }
}

runtime::Endpoint SimStream::peer() const {
    return {x_wire->ends[1 - x_side].host, x_wire->ends[1 - x_side].port};
}

runtime::Endpoint SimStream::local() const {
    return {x_wire->ends[x_side].host, x_wire->ends[x_side].port};
}

}  // namespace millrace::sim
