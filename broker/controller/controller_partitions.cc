// Brokers that come and go, and the partitions that must have leaders.
#include <algorithm>

#include "broker/controller/controller.h"
#include "broker/controller/zk_paths.h"

namespace millrace::broker::controller {

void Controller::connect(std::int32_t broker_id) {
    const LiveBroker& broker = x_state.brokers.at(broker_id);
    Endpoint endpoint;
    for (const Endpoint& each : broker.registration.endpoints) {
        if (each.listener == x_options.listener) {
            endpoint = each;
        }
    }
    x_effects.emplace_back(Connect{broker_id, broker.epoch, std::move(endpoint)});
}

// Brokers that are gone, or are another life of the same id: for a moment both are dead.
void Controller::remove_dead_brokers() {
    std::vector<std::int32_t> dead;
    bool renamed = false;
    for (auto& [id, broker] : x_state.brokers) {
        const auto now = x_read_brokers->find(id);
        if (now == x_read_brokers->end() || now->second.epoch != broker.epoch) {
            dead.push_back(id);
        } else if (now->second != broker) {
            broker = now->second;
            renamed = true;
            connect(id);
        }
    }
    for (const std::int32_t id : dead) {
        x_effects.emplace_back(Disconnect{id});
        for (const kafka::TopicPartition& at : x_state.partitions_on(id)) {
            x_dirty.insert(at.topic);
            const auto deletion = x_deletions.find(at.topic);
            if (deletion != x_deletions.end() &&
                deletion->second.step == Deletion::Step::stopping) {
                deletion->second.step = Deletion::Step::waiting;
                deletion->second.expected.clear();
            }
        }
        x_state.brokers.erase(id);
        x_state.shutting_down.erase(id);
        x_live.erase(id);
        std::erase_if(x_shutdowns, [&](const Shutdown& shutdown) {
            if (shutdown.broker_id == id) {
                x_effects.emplace_back(Answer{
                    shutdown.token, ShutdownAnswer{kafka::ErrorCode::broker_not_available, {}}});
            }
            return shutdown.broker_id == id;
        });
    }
    if (renamed || !dead.empty()) {
        x_requests.update_brokers();
    }
}

void Controller::add_fresh_brokers() {
    std::vector<std::int32_t> fresh;
    for (const auto& [id, broker] : *x_read_brokers) {
        // The death of a former life is written first, or its leader epochs would not rise.
        const auto hosted = x_state.partitions_on(id);
        const bool busy = std::ranges::any_of(hosted, [this](const kafka::TopicPartition& at) {
            return x_state.partition(at)->writing.has_value();
        });
        if (!x_state.brokers.contains(id) && !busy) {
            fresh.push_back(id);
        }
    }
    if (fresh.empty()) {
        return;
    }
    // What the dead left to say goes before the newcomers are in.
    flush_requests();
    for (const std::int32_t id : x_live) {
        x_requests.update_brokers(id);
    }
    for (const std::int32_t id : fresh) {
        x_state.brokers.emplace(id, x_read_brokers->at(id));
        x_live.insert(id);
        connect(id);
        x_requests.update_brokers(id);
        for (const auto& [name, topic] : x_state.topics) {
            for (const auto& [number, partition] : topic.partitions) {
                if (partition.state) {
                    x_requests.update_metadata(id, {name, kafka::PartitionId(number)});
                }
            }
        }
    }
    flush_requests();
    for (const std::int32_t id : fresh) {
        for (const kafka::TopicPartition& at : x_state.partitions_on(id)) {
            x_dirty.insert(at.topic);
            const auto deletion = x_deletions.find(at.topic);
            if (deletion != x_deletions.end()) {
                deletion->second.failed = false;
            } else if (x_state.partition(at)->state) {
                x_requests.leader_and_isr(id, at, false);
            }
        }
    }
    flush_requests();
}

void Controller::reconcile() {
    for (const std::string& name : std::exchange(x_dirty, {})) {
        TopicInfo* topic = x_state.topic(name);
        if (topic != nullptr && !x_deletions.contains(name)) {
            reconcile_topic(name, *topic);
        }
    }
}

ElectionInput Controller::election_input(const TopicInfo& topic,
                                         const PartitionInfo& partition) const {
    return {partition.assignment, x_live, x_state.shutting_down, x_epoch, topic.unclean_election};
}

void Controller::reconcile_topic(const std::string& name, TopicInfo& topic) {
    if (topic.id_being_written) {
        return;
    }
    if (topic.record.id.is_zero()) {
        write_topic_id(name, topic);
        return;
    }
    NextStates next;
    for (const auto& [number, partition] : topic.partitions) {
        if (partition.writing) {
            continue;  // compared again when the write has happened
        }
        const ElectionInput input = election_input(topic, partition);
        std::optional<PartitionState> state =
            partition.state ? repaired_state(*partition.state, input) : initial_state(input);
        if (state) {
            next.emplace_back(number, *std::move(state));
        }
    }
    if (!next.empty()) {
        write_states(name, topic, next);
    }
}

void Controller::write_topic_id(const std::string& name, TopicInfo& topic) {
    TopicRecord record = topic.record;
    record.id = kafka::Uuid::make(x_random);
    topic.id_being_written = true;
    const kafka::Uuid id = record.id;
    write({epoch_check(), zk::SetDataOp{paths::topic(name), encode(record), topic.node_version}},
          PendingTopicId{name, id});
}

void Controller::finished(const PendingTopicId& pending, zk::ErrorCode error) {
    TopicInfo* topic = x_state.topic(pending.topic);
    if (topic == nullptr) {
        return;
    }
    topic->id_being_written = false;
    if (error == zk::ErrorCode::ok) {
        topic->record.id = pending.id;
        topic->node_version += 1;
        x_dirty.insert(pending.topic);
    } else {
        read_topic(pending.topic);
    }
}

// One multi for a number of partitions of one topic: their nodes where they are missing, and their states.
void Controller::write_states(const std::string& name, TopicInfo& topic, const NextStates& next) {
    for (std::size_t start = 0; start < next.size(); start += x_options.partitions_per_write) {
        const std::size_t end = std::min(next.size(), start + x_options.partitions_per_write);
        std::vector<zk::MultiOp> ops{epoch_check()};
        PendingStates pending{name, {}};
        const auto create = [&](std::string path, Bytes data) {
            ops.emplace_back(zk::CreateOp{std::move(path), std::move(data), x_options.acl,
                                          zk::CreateMode::persistent});
        };
        if (!topic.partitions_node_exists) {
            create(paths::partitions(name), {});
            topic.partitions_node_exists = true;
        }
        for (std::size_t i = start; i < end; ++i) {
            const auto& [number, state] = next[i];
            PartitionInfo& partition = topic.partitions.at(number);
            const std::string path = paths::partition_state(name, number);
            if (partition.state) {
                ops.emplace_back(
                    zk::SetDataOp{path, encode(state), partition.state->partition_epoch});
            } else {
                if (!partition.node_exists) {
                    create(paths::partition(name, number), {});
                }
                create(path, encode(state));
            }
            partition.writing = state;
            pending.partitions.push_back(number);
        }
        write(std::move(ops), std::move(pending));
    }
}

void Controller::finished(const PendingStates& pending, zk::ErrorCode error) {
    TopicInfo* topic = x_state.topic(pending.topic);
    if (topic == nullptr) {
        return;
    }
    x_dirty.insert(pending.topic);
    for (const std::int32_t number : pending.partitions) {
        const auto found = topic->partitions.find(number);
        if (found == topic->partitions.end() || !found->second.writing) {
            continue;
        }
        PartitionInfo& partition = found->second;
        PartitionState state = *std::exchange(partition.writing, std::nullopt);
        if (error != zk::ErrorCode::ok) {
            continue;
        }
        const bool is_new = !partition.state;
        state.partition_epoch = is_new ? 0 : partition.state->partition_epoch + 1;
        partition.state = std::move(state);
        partition.node_exists = true;
        const kafka::TopicPartition at{pending.topic, kafka::PartitionId(number)};
        x_requests.update_metadata(at);
        for (const std::int32_t id : partition.assignment.replicas) {
            if (x_live.contains(id)) {
                x_requests.leader_and_isr(id, at, is_new);
            }
        }
    }
    if (error != zk::ErrorCode::ok) {
        // Somebody else has written, or the connection broke before the answer. What is there now decides.
        x_dirty.erase(pending.topic);
        read_topic(pending.topic);
    }
}

void Controller::flush_requests() {
    const ControlRequests::Sender sender{x_options.broker_id, x_epoch, x_options.listener};
    for (ControlSend& send : x_requests.flush(x_state, sender)) {
        x_effects.emplace_back(Send{send.broker_id, std::move(send.request)});
    }
}

}  // namespace millrace::broker::controller
