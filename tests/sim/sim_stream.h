// One end of a connection in a simulated world. At most kWindowBytes are on their way to a reader; the rest waits here.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "lib/runtime/network.h"
#include "tests/sim/sim_network.h"

namespace millrace::sim {

class SimStream : public runtime::Stream {
 public:
    SimStream(SimNetwork& network, std::shared_ptr<Wire> wire, std::size_t side);
    ~SimStream() override;
    SimStream(const SimStream&) = delete;
    SimStream& operator=(const SimStream&) = delete;

    void set_handler(runtime::StreamHandler* handler) override;
    void set_limits(const runtime::StreamLimits& limits) override { x_limits = limits; }
    void write(Bytes bytes) override;
    void write_file(std::shared_ptr<runtime::File> file, std::uint64_t offset,
                    std::uint64_t size) override;
    std::size_t queued_bytes() const override { return x_queued; }
    bool write_queue_full() const override { return x_queued > x_limits.output_bytes_high; }
    void pause_reading() override { x_paused = true; }
    void resume_reading() override;
    void close() override;
    runtime::Endpoint peer() const override;
    runtime::Endpoint local() const override;

    // From the fabric, in a turn of the loop.
    void receive(Segment segment);

    static constexpr std::size_t kWindowBytes = 128 * 1024;

 private:
    enum class Phase { open, draining, closed };
    struct Piece {
        Bytes bytes;
        std::shared_ptr<runtime::File> file;  // null: bytes
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    Wire::End& own() { return x_wire->ends[x_side]; }
    Wire::End& other() { return x_wire->ends[1 - x_side]; }
    void added(Piece piece);
    void show();
    void show_later();
    void plan_flush();
    void flush();
    Status gather();
    void send_segments();
    void finish(Status why, Segment::Kind told);
    void window_opened();

    SimNetwork& x_network;
    std::shared_ptr<Wire> x_wire;
    std::size_t x_side;
    runtime::StreamHandler* x_handler = nullptr;
    runtime::StreamLimits x_limits;
    Phase x_phase = Phase::open;
    std::deque<Piece> x_output;
    std::size_t x_queued = 0;
    Bytes x_ready;  // read from files already, next to be sent
    Bytes x_rest;   // received and not consumed
    bool x_unseen = false;
    bool x_paused = false;
    bool x_end_seen = false;
    bool x_was_full = false;
    bool x_flush_planned = false;
    std::optional<Error> x_failure;
    bool* x_destroyed = nullptr;
    std::shared_ptr<int> x_alive = std::make_shared<int>();
};

}  // namespace millrace::sim
