// Sends messages to one topic. Each partition has one batch under way at a time, so its order is kept through retries; what
// arrives meanwhile grows into the next batch. An idempotent producer's batches are numbered when they leave. One that is given up
// may have been written or not, so its number is used up: the producer goes on under a new id.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/kafka/cluster_client.h"
#include "lib/kafka/record.h"

namespace millrace::cli {

struct ProducerOptions {
    std::string topic;
    std::int16_t acks = -1;  // 0, 1 or -1 for all in sync
    kafka::Codec codec = kafka::Codec::none;
    std::size_t batch_bytes = 256 * 1024;       // a batch is closed at this size
    std::size_t request_bytes_max = 1'048'576;  // a larger message is refused
    std::size_t buffer_bytes = 32 << 20;        // above, full() holds
    Duration linger{};                          // how long a batch waits for company
    std::int32_t timeout_ms = 30'000;           // how long a broker may wait for its replicas
    std::optional<std::int32_t> retries_most;  // of a batch; absent: as long as the cluster's calls
    bool idempotent = false;
};

// A message, borrowed for the call.
struct Message {
    std::optional<BytesView> key;
    std::optional<BytesView> value;
    std::vector<kafka::RecordHeader> headers;
};

// The loop and the cluster outlive it, and the loop turns no more after its end.
class Producer {
 public:
    struct Events {
        std::function<void()> on_progress;                // a batch has been answered
        std::function<void(const std::string&)> on_loss;  // one sentence; a batch is given up
    };

    Producer(runtime::Loop& loop, kafka::ClusterClient& cluster, ProducerOptions options,
             Events events);

    // Looks the topic up, which may create it. Errors: as the brokers say.
    void start(std::move_only_function<void(Status)> then);

    // After start. Errors: too_large.
    Status add(const Message& message);
    bool full() const { return x_buffered >= x_options.buffer_bytes; }
    // No batch waits for company any more.
    void flush();
    bool idle() const { return x_buffered == 0; }
    // Messages that were not acknowledged.
    std::uint64_t lost() const { return x_lost; }

 private:
    struct Batch {
        Bytes bytes;
        std::int32_t records = 0;
        std::size_t counted = 0;  // in x_buffered
        bool has_number = false;  // of the producer, set when it left
        bool begins_anew =
            false;  // the broker did not know its number: sent again under a new id, once
    };
    struct Partition {
        std::unique_ptr<kafka::RecordBatchBuilder> open;
        std::deque<Batch> closed;  // bounded by buffer_bytes
        bool under_way = false;
        bool lingering = false;
        std::int32_t next_sequence = 0;
    };

    void learn_id(std::move_only_function<void(Status)> then);
    void renew_id();
    void number(Partition& partition);
    std::size_t choose(const Message& message);
    void move_on();
    void open_batch(std::size_t index);
    void close_batch(std::size_t index);
    void schedule(std::size_t index);
    void pump(std::size_t index);
    void transmit(std::size_t index);
    void transmit_unanswered(std::size_t index);
    kafka::ProduceRequest request_for(std::size_t index) const;
    void answered(std::size_t index, const Result<kafka::ProduceResponse>& response);
    void give_up(std::size_t index, const std::string& why);
    void finish(std::size_t index, const std::optional<std::string>& why_lost);

    runtime::Loop& x_loop;
    kafka::ClusterClient& x_cluster;
    ProducerOptions x_options;
    Events x_events;
    std::vector<Partition> x_partitions;
    std::size_t x_sticky = 0;    // where messages without a key go
    std::size_t x_buffered = 0;  // bytes
    std::uint64_t x_lost = 0;
    bool x_flushing = false;
    bool x_renewing = false;
    kafka::ProducerId x_id = kafka::kNoProducerId;
    kafka::ProducerEpoch x_epoch = kafka::kNoProducerEpoch;
};

}  // namespace millrace::cli
