// All partitions of one broker over its log directories.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/log/log_directory.h"
#include "broker/replica/partition.h"

namespace millrace::broker::replica {

class ReplicaSet {
 public:
    // The directories outlive the set. Partitions found in them are known at once, without a leader.
    ReplicaSet(std::vector<log::LogDirectory*> directories, std::int32_t broker_id,
               Durability durability);

    // nullptr: this broker does not hold it.
    Partition* find(std::string_view topic, std::int32_t partition);
    // Sorted by topic and partition.
    std::vector<Partition*> all();
    std::size_t size() const { return x_partitions.size(); }

    // The partition, made in the directory with the fewest partitions when it is not there. Errors: invalid_argument (no name
    // of a topic), conflict (another topic of the same name lies there), io_error, disk_full.
    Result<Partition*> obtain(const log::TopicPartition& id, const kafka::Uuid& topic_id);
    // Stops serving and, when asked to, deletes the files. Nothing happens when it is not here.
    Status stop(const log::TopicPartition& id, bool delete_files);

    std::size_t count_led() const;
    const std::vector<log::LogDirectory*>& directories() const { return x_directories; }

 private:
    log::LogDirectory* emptiest_directory();

    std::vector<log::LogDirectory*> x_directories;
    std::int32_t x_broker_id;
    Durability x_durability;
    struct Held {
        log::LogDirectory* directory = nullptr;
        std::unique_ptr<Partition> partition;
    };
    std::map<log::TopicPartition, Held, std::less<>> x_partitions;
};

}  // namespace millrace::broker::replica
