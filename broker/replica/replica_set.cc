#include "broker/replica/replica_set.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::broker::replica {

ReplicaSet::ReplicaSet(std::vector<log::LogDirectory*> directories, std::int32_t broker_id,
                       Durability durability)
    : x_directories(std::move(directories)), x_broker_id(broker_id), x_durability(durability) {
    for (log::LogDirectory* directory : x_directories) {
        for (log::PartitionLog* log : directory->all()) {
            x_partitions[log->partition()] = {
                directory, std::make_unique<Partition>(*log, x_broker_id, x_durability)};
        }
    }
}

Partition* ReplicaSet::find(std::string_view topic, std::int32_t partition) {
    const auto found = x_partitions.find(log::TopicPartition{std::string(topic), partition});
    return found == x_partitions.end() ? nullptr : found->second.partition.get();
}

std::vector<Partition*> ReplicaSet::all() {
    std::vector<Partition*> partitions;
    partitions.reserve(x_partitions.size());
    for (const auto& [id, held] : x_partitions) {
        partitions.push_back(held.partition.get());
    }
    return partitions;
}

Result<Partition*> ReplicaSet::obtain(const log::TopicPartition& id, const kafka::Uuid& topic_id) {
    if (Partition* present = find(id.topic, id.partition)) {
        const auto stored = present->log().topic_id();
        if (!topic_id.is_zero() && stored && *stored != topic_id) {
            return fail(Errc::conflict,
                        fmt::format("{} holds topic id {}, the controller says {}", id.to_string(),
                                    stored->to_string(), topic_id.to_string()));
        }
        if (!topic_id.is_zero() && !stored) {
            TRY(present->log().set_topic_id(topic_id));
        }
        return present;
    }
    log::LogDirectory* directory = emptiest_directory();
    if (directory == nullptr) {
        return fail(Errc::io_error, "every log directory is offline");
    }
    log::PartitionLog* log =
        TRY(directory->create(id, topic_id.is_zero() ? std::nullopt : std::optional(topic_id)));
    auto partition = std::make_unique<Partition>(*log, x_broker_id, x_durability);
    Partition* made = partition.get();
    x_partitions[id] = {directory, std::move(partition)};
    return made;
}

Status ReplicaSet::stop(const log::TopicPartition& id, bool delete_files) {
    const auto found = x_partitions.find(id);
    if (found == x_partitions.end()) {
        return {};
    }
    if (!delete_files) {
        Leadership none = found->second.partition->leadership();
        none.leader = -1;
        (void)found->second.partition->apply(none);
        return {};
    }
    log::LogDirectory* directory = found->second.directory;
    x_partitions.erase(found);
    return directory->remove(id);
}

std::size_t ReplicaSet::count_led() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        x_partitions, [](const auto& entry) { return entry.second.partition->leads(); }));
}

log::LogDirectory* ReplicaSet::emptiest_directory() {
    std::map<log::LogDirectory*, std::size_t> counts;
    for (const auto& [id, held] : x_partitions) {
        ++counts[held.directory];
    }
    log::LogDirectory* best = nullptr;
    for (log::LogDirectory* directory : x_directories) {
        if (directory->online() && (best == nullptr || counts[directory] < counts[best])) {
            best = directory;
        }
    }
    return best;
}

}  // namespace millrace::broker::replica
