#include "broker/controller/control_requests.h"

#include <algorithm>

namespace millrace::broker::controller {
namespace {

const PartitionInfo* find(const ClusterState& state, const kafka::TopicPartition& at) {
    const TopicInfo* info = state.topic(at.topic);
    if (info == nullptr) {
        return nullptr;
    }
    const auto found = info->partitions.find(at.partition.value());
    return found == info->partitions.end() ? nullptr : &found->second;
}

// The entry of the partition's topic in a request that groups by topic. Partitions come sorted, so it is the last one.
template <class Request>
auto& entry_of(Request& request, const ClusterState& state, const std::string& topic) {
    if (request.topic_states.empty() || request.topic_states.back().topic_name != topic) {
        auto& entry = request.topic_states.emplace_back();
        entry.topic_name = topic;
        if constexpr (requires { entry.topic_id; }) {
            const TopicInfo* info = state.topic(topic);
            entry.topic_id = info == nullptr ? kafka::Uuid{} : info->record.id;
        }
    }
    return request.topic_states.back();
}

template <class Request>
Request addressed(const ControlRequests::Sender& sender, std::int64_t broker_epoch) {
    Request request;
    request.controller_id = sender.controller_id;
    request.controller_epoch = sender.controller_epoch;
    request.broker_epoch = broker_epoch;
    return request;
}

kafka::LeaderAndIsrPartition leader_and_isr_of(const PartitionInfo& partition, std::int32_t number,
                                               bool is_new) {
    kafka::LeaderAndIsrPartition entry;
    entry.partition_index = number;
    entry.controller_epoch = partition.state->controller_epoch;
    entry.leader = partition.state->leader;
    entry.leader_epoch = partition.state->leader_epoch;
    entry.isr = partition.state->isr;
    entry.partition_epoch = partition.state->partition_epoch;
    entry.replicas = partition.assignment.replicas;
    entry.adding_replicas = partition.assignment.adding;
    entry.removing_replicas = partition.assignment.removing;
    entry.is_new = is_new;
    entry.leader_recovery_state = static_cast<std::int8_t>(partition.state->recovery);
    return entry;
}

kafka::UpdateMetadataPartition metadata_of(const PartitionInfo& partition, std::int32_t number,
                                           const ClusterState& state) {
    kafka::UpdateMetadataPartition entry;
    entry.partition_index = number;
    entry.controller_epoch = partition.state->controller_epoch;
    entry.leader = partition.state->leader;
    entry.leader_epoch = partition.state->leader_epoch;
    entry.isr = partition.state->isr;
    entry.zk_version = partition.state->partition_epoch;
    entry.replicas = partition.assignment.replicas;
    for (const std::int32_t id : partition.assignment.replicas) {
        if (!state.brokers.contains(id)) {
            entry.offline_replicas.push_back(id);
        }
    }
    return entry;
}

}  // namespace

void ControlRequests::leader_and_isr(std::int32_t broker_id, const kafka::TopicPartition& at,
                                     bool is_new) {
    bool& flag = x_leader_and_isr[broker_id][at];
    flag = flag || is_new;
    update_metadata(at);
}

void ControlRequests::update_metadata(std::int32_t broker_id, const kafka::TopicPartition& at) {
    x_metadata[broker_id].insert(at);
}

void ControlRequests::stop_replica(std::int32_t broker_id, const kafka::TopicPartition& at,
                                   bool with_log) {
    (with_log ? x_deletes : x_stops)[broker_id].insert(at);
}

std::vector<ControlSend> ControlRequests::flush(const ClusterState& state, const Sender& sender) {
    std::vector<ControlSend> out;
    build_leader_and_isr(state, sender, out);
    build_metadata(state, sender, out);
    build_stop(state, sender, out);
    clear();
    return out;
}

void ControlRequests::build_leader_and_isr(const ClusterState& state, const Sender& sender,
                                           std::vector<ControlSend>& out) const {
    for (const auto& [broker_id, partitions] : x_leader_and_isr) {
        const auto target = state.brokers.find(broker_id);
        if (target == state.brokers.end()) {
            continue;
        }
        auto request = addressed<kafka::LeaderAndIsrRequest>(sender, target->second.epoch);
        std::set<std::int32_t> leaders;
        for (const auto& [at, is_new] : partitions) {
            const PartitionInfo* partition = find(state, at);
            if (partition == nullptr || !partition->state) {
                continue;
            }
            entry_of(request, state, at.topic)
                .partition_states.push_back(
                    leader_and_isr_of(*partition, at.partition.value(), is_new));
            leaders.insert(partition->state->leader);
        }
        for (const std::int32_t leader : leaders) {
            const auto broker = state.brokers.find(leader);
            if (broker == state.brokers.end()) {
                continue;
            }
            for (const Endpoint& endpoint : broker->second.registration.endpoints) {
                if (endpoint.listener == sender.listener) {
                    request.live_leaders.push_back({leader, endpoint.host, endpoint.port});
                }
            }
        }
        if (!request.topic_states.empty()) {
            out.push_back({broker_id, std::move(request)});
        }
    }
}

void ControlRequests::build_metadata(const ClusterState& state, const Sender& sender,
                                     std::vector<ControlSend>& out) const {
    const bool all = x_metadata_to_all || !x_metadata_for_all.empty() || !x_deleting.empty();
    if (!all && x_metadata.empty()) {
        return;
    }
    std::vector<kafka::UpdateMetadataRequest::Broker> brokers;
    for (const auto& [id, broker] : state.brokers) {
        auto& entry = brokers.emplace_back();
        entry.id = id;
        entry.rack = broker.registration.rack;
        for (const Endpoint& endpoint : broker.registration.endpoints) {
            entry.endpoints.push_back({endpoint.port, endpoint.host, endpoint.listener,
                                       static_cast<std::int16_t>(endpoint.protocol)});
        }
    }
    for (const auto& [broker_id, broker] : state.brokers) {
        const auto own = x_metadata.find(broker_id);
        if (!all && own == x_metadata.end()) {
            continue;
        }
        auto request = addressed<kafka::UpdateMetadataRequest>(sender, broker.epoch);
        Partitions partitions = x_metadata_for_all;
        partitions.insert(x_deleting.begin(), x_deleting.end());
        if (own != x_metadata.end()) {
            partitions.insert(own->second.begin(), own->second.end());
        }
        for (const kafka::TopicPartition& at : partitions) {
            const PartitionInfo* partition = find(state, at);
            const bool deleting = x_deleting.contains(at);
            PartitionInfo shown = partition == nullptr ? PartitionInfo{} : *partition;
            if (!shown.state && !deleting) {
                continue;
            }
            if (deleting) {
                PartitionState gone = shown.state.value_or(PartitionState{});
                gone.leader = kLeaderDuringDelete;
                gone.controller_epoch = sender.controller_epoch;
                shown.state = std::move(gone);
            }
            entry_of(request, state, at.topic)
                .partition_states.push_back(metadata_of(shown, at.partition.value(), state));
        }
        request.live_brokers = brokers;
        out.push_back({broker_id, std::move(request)});
    }
}

void ControlRequests::build_stop(const ClusterState& state, const Sender& sender,
                                 std::vector<ControlSend>& out) const {
    const auto build = [&](const std::map<std::int32_t, Partitions>& targets, bool with_log) {
        for (const auto& [broker_id, partitions] : targets) {
            const auto target = state.brokers.find(broker_id);
            if (target == state.brokers.end()) {
                continue;
            }
            auto request = addressed<kafka::StopReplicaRequest>(sender, target->second.epoch);
            for (const kafka::TopicPartition& at : partitions) {
                const PartitionInfo* partition = find(state, at);
                const bool known = partition != nullptr && partition->state.has_value();
                kafka::StopReplicaRequest::TopicState::PartitionState entry;
                entry.partition_index = at.partition.value();
                entry.delete_partition = with_log;
                // The sentinel passes every fence: a deleted topic has no later epoch.
                const bool ends = x_deleting.contains(at);
                entry.leader_epoch = ends    ? kLeaderDuringDelete
                                     : known ? partition->state->leader_epoch
                                             : -1;
                entry_of(request, state, at.topic).partition_states.push_back(entry);
            }
            out.push_back({broker_id, std::move(request)});
        }
    };
    build(x_stops, false);
    build(x_deletes, true);
}

}  // namespace millrace::broker::controller
