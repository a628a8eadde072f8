// One partition that this broker holds: its log, whether it leads it, its high watermark, and who waits for it to grow.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "broker/log/partition_log.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/uuid.h"

namespace millrace::broker::replica {

// What the controller says of a partition (LeaderAndIsr). Epochs only grow.
struct Leadership {
    std::int32_t leader = -1;
    std::int32_t leader_epoch = -1;
    std::int32_t partition_epoch = -1;
    std::int32_t controller_epoch = -1;
    std::vector<std::int32_t> isr;
    std::vector<std::int32_t> replicas;
};

// When an append is acknowledged and shown to consumers.
enum class Durability {
    synced,      // after the fdatasync that covers it
    page_cache,  // after the write, as Kafka does by default
};

class Partition {
 public:
    Partition(log::PartitionLog& log, std::int32_t broker_id, Durability durability);
    ~Partition();
    Partition(const Partition&) = delete;
    Partition& operator=(const Partition&) = delete;

    log::PartitionLog& log() { return x_log; }
    const log::PartitionLog& log() const { return x_log; }
    const log::TopicPartition& id() const { return x_log.partition(); }
    const Leadership& leadership() const { return x_leadership; }
    bool leads() const { return x_leadership.leader == x_broker_id; }

    // Takes a newer leadership; an older leader epoch is refused. Returns whether this broker began to lead with it.
    Result<bool> apply(const Leadership& leadership);

    // The reason why a client with this leader epoch (-1: it names none) cannot be served here; none when it can.
    kafka::ErrorCode check_leader(std::int32_t client_epoch) const;

    // Appends and calls then once the append may be acknowledged. On an error of the append itself then is dropped and the
    // result says why; on a failed write or sync then gets kafka_storage_error.
    log::AppendResult append(const log::LeaderAppend& append,
                             std::move_only_function<void(kafka::ErrorCode)> then);

    std::int64_t high_watermark() const { return x_log.high_watermark(); }
    std::int64_t last_stable_offset() const { return x_log.last_stable_offset(); }

    // Calls back, on the loop, each time the high watermark rises or the leadership changes, until the watcher is destroyed.
    class Watcher {
     public:
        Watcher(Partition& partition, std::function<void()> on_change);
        ~Watcher();
        Watcher(const Watcher&) = delete;
        Watcher& operator=(const Watcher&) = delete;

     private:
        friend class Partition;
        std::shared_ptr<std::list<Watcher*>> x_watchers;
        std::function<void()> x_on_change;
    };

    // Raises the high watermark to what is acknowledged, and tells the watchers.
    void advance(std::int64_t offset);

 private:
    void tell_watchers();

    log::PartitionLog& x_log;
    std::int32_t x_broker_id;
    Durability x_durability;
    Leadership x_leadership;
    std::shared_ptr<std::list<Watcher*>> x_watchers;
    std::shared_ptr<bool> x_alive;
};

}  // namespace millrace::broker::replica
