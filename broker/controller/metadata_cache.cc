#include "broker/controller/metadata_cache.h"

#include <algorithm>

namespace millrace::broker::controller {

using kafka::ErrorCode;

MetadataCache::Change MetadataCache::apply(const kafka::UpdateMetadataRequest& request) {
    x_controller_id = request.controller_id;
    x_brokers.clear();
    for (const auto& broker : request.live_brokers) {
        CachedBroker& entry = x_brokers[broker.id];
        entry.rack = broker.rack;
        for (const auto& endpoint : broker.endpoints) {
            entry.endpoints[endpoint.listener] =
                Endpoint{endpoint.listener, endpoint.host, endpoint.port,
                         static_cast<SecurityProtocol>(endpoint.security_protocol)};
        }
    }
    Change change;
    const auto merge = [&](const std::string& topic, const kafka::UpdateMetadataPartition& state) {
        if (state.leader == kLeaderDuringDelete) {
            remove(topic, state.partition_index, change);
        } else {
            put(topic, state);
        }
    };
    for (const auto& state : request.ungrouped_partition_states) {
        merge(state.topic_name, state);
    }
    for (const auto& topic : request.topic_states) {
        for (const auto& state : topic.partition_states) {
            merge(topic.topic_name, state);
        }
        // Only now: the name may have stood for another topic before.
        const auto entry = x_topics.find(topic.topic_name);
        if (entry != x_topics.end()) {
            set_id(entry->second, topic.topic_name, topic.topic_id);
        }
    }
    return change;
}

void MetadataCache::put(const std::string& topic, const kafka::UpdateMetadataPartition& state) {
    x_topics[topic].partitions[state.partition_index] = CachedPartition{
        state.leader,   state.leader_epoch, state.controller_epoch, state.zk_version,
        state.replicas, state.isr,          state.offline_replicas};
}

void MetadataCache::set_id(CachedTopic& topic, const std::string& name, const kafka::Uuid& id) {
    if (topic.id == id) {
        return;
    }
    x_names.erase(topic.id);
    topic.id = id;
    if (!id.is_zero()) {
        x_names[id] = name;
    }
}

void MetadataCache::remove(const std::string& topic, std::int32_t partition, Change& change) {
    const auto entry = x_topics.find(topic);
    if (entry == x_topics.end() || entry->second.partitions.erase(partition) == 0) {
        return;
    }
    change.removed.push_back({topic, kafka::PartitionId(partition)});
    if (entry->second.partitions.empty()) {
        x_names.erase(entry->second.id);
        x_topics.erase(entry);
        change.removed_topics.insert(topic);
    }
}

std::optional<BrokerView> MetadataCache::broker(std::int32_t broker_id,
                                                const std::string& listener) const {
    const auto broker = x_brokers.find(broker_id);
    if (broker == x_brokers.end()) {
        return std::nullopt;
    }
    const auto endpoint = broker->second.endpoints.find(listener);
    if (endpoint == broker->second.endpoints.end()) {
        return std::nullopt;
    }
    return BrokerView{broker_id, endpoint->second.host, endpoint->second.port, broker->second.rack};
}

std::vector<BrokerView> MetadataCache::brokers(const std::string& listener) const {
    std::vector<BrokerView> views;
    for (const auto& [id, entry] : x_brokers) {
        if (std::optional<BrokerView> view = broker(id, listener)) {
            views.push_back(*std::move(view));
        }
    }
    return views;
}

const CachedTopic* MetadataCache::topic(std::string_view name) const {
    const auto entry = x_topics.find(name);
    return entry == x_topics.end() ? nullptr : &entry->second;
}

const std::string* MetadataCache::topic_name(const kafka::Uuid& id) const {
    const auto entry = x_names.find(id);
    return entry == x_names.end() ? nullptr : &entry->second;
}

const CachedPartition* MetadataCache::partition(std::string_view topic_name,
                                                std::int32_t partition) const {
    const CachedTopic* entry = topic(topic_name);
    if (entry == nullptr) {
        return nullptr;
    }
    const auto found = entry->partitions.find(partition);
    return found == entry->partitions.end() ? nullptr : &found->second;
}

std::size_t MetadataCache::partition_count(std::string_view name) const {
    const CachedTopic* entry = topic(name);
    return entry == nullptr ? 0 : entry->partitions.size();
}

bool MetadataCache::reachable(std::int32_t broker_id, const std::string& listener) const {
    const auto broker = x_brokers.find(broker_id);
    return broker != x_brokers.end() && broker->second.endpoints.contains(listener);
}

std::vector<PartitionView> MetadataCache::view(const CachedTopic& topic,
                                               const ViewOptions& options) const {
    const auto known = [&](const std::vector<std::int32_t>& ids) {
        std::vector<std::int32_t> kept;
        std::ranges::copy_if(ids, std::back_inserter(kept), [&](std::int32_t id) {
            return !options.unavailable_endpoints_are_errors || reachable(id, options.listener);
        });
        return kept;
    };
    std::vector<PartitionView> views;
    views.reserve(topic.partitions.size());
    for (const auto& [number, partition] : topic.partitions) {
        PartitionView& entry = views.emplace_back();
        entry.partition = number;
        entry.leader_epoch = partition.leader_epoch;
        entry.replicas = known(partition.replicas);
        entry.isr = known(partition.isr);
        for (const std::int32_t id : partition.replicas) {
            const bool listed = std::ranges::find(partition.offline_replicas, id) !=
                                partition.offline_replicas.end();
            if (listed || !reachable(id, options.listener)) {
                entry.offline_replicas.push_back(id);
            }
        }
        if (!reachable(partition.leader, options.listener)) {
            const bool no_listener =
                options.missing_listener_is_error && x_brokers.contains(partition.leader);
            entry.error =
                no_listener ? ErrorCode::listener_not_found : ErrorCode::leader_not_available;
        } else {
            entry.leader = partition.leader;
            const bool short_list = entry.replicas.size() < partition.replicas.size() ||
                                    entry.isr.size() < partition.isr.size();
            entry.error = short_list ? ErrorCode::replica_not_available : ErrorCode::none;
        }
    }
    return views;
}

std::optional<std::string> MetadataCache::invariants() const {
    for (const auto& [id, name] : x_names) {
        const CachedTopic* entry = topic(name);
        if (entry == nullptr || entry->id != id) {
            return "a topic id points to another topic: " + name;
        }
    }
    for (const auto& [name, entry] : x_topics) {
        if (entry.partitions.empty()) {
            return "a topic without partitions is kept: " + name;
        }
        if (!entry.id.is_zero() && topic_name(entry.id) == nullptr) {
            return "a topic cannot be found by its id: " + name;
        }
    }
    return std::nullopt;
}

}  // namespace millrace::broker::controller
