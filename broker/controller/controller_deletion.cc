// Topics on their way out: replicas stop and delete, then the znodes go, the request last. Whatever a crash interrupts is found
// again by its node in /admin/delete_topics.
#include <algorithm>

#include "broker/controller/controller.h"
#include "broker/controller/zk_paths.h"

namespace millrace::broker::controller {

ControlEffects Controller::deletions_read(const std::set<std::string>& topics) {
    if (x_phase != Phase::loading && x_phase != Phase::active) {
        return finish();
    }
    x_deletions_read = true;
    if (!x_options.delete_topics) {
        for (const std::string& name : topics) {
            write({epoch_check(), zk::DeleteOp{paths::delete_topic(name), zk::kAnyVersion}},
                  PendingAny{});
        }
        return finish();
    }
    for (const std::string& name : topics) {
        x_deletions.try_emplace(name);
    }
    return finish();
}

void Controller::progress_deletions() {
    for (auto& [name, deletion] : x_deletions) {
        if (deletion.step == Deletion::Step::stopping && deletion.expected.empty()) {
            deletion.step = Deletion::Step::removing_topic;
            delete_tree(paths::topic(name), name);
        }
        if (deletion.step != Deletion::Step::waiting || deletion.failed ||
            x_topic_reads.contains(name)) {
            continue;
        }
        const TopicInfo* topic = x_state.topic(name);
        if (topic == nullptr) {
            // Gone already, or never there: the predecessor stopped between the topic and the request.
            deletion.step = Deletion::Step::removing_topic;
            delete_tree(paths::topic(name), name);
            continue;
        }
        const bool ready = std::ranges::all_of(topic->partitions, [this](const auto& entry) {
            const auto& replicas = entry.second.assignment.replicas;
            return !entry.second.writing && std::ranges::all_of(replicas, [this](std::int32_t id) {
                return x_live.contains(id);
            });
        });
        if (ready && !topic->id_being_written) {
            start_deletion(name, *topic, deletion);
        }
    }
}

void Controller::start_deletion(const std::string& name, const TopicInfo& topic,
                                Deletion& deletion) {
    deletion.step = Deletion::Step::stopping;
    for (const auto& [number, partition] : topic.partitions) {
        const kafka::TopicPartition at{name, kafka::PartitionId(number)};
        x_requests.announce_deletion(at);
        for (const std::int32_t id : partition.assignment.replicas) {
            x_requests.stop_replica(id, at, false);
            x_requests.stop_replica(id, at, true);
            deletion.expected.emplace(at, id);
        }
    }
}

ControlEffects Controller::stop_replica_answered(std::int32_t broker_id,
                                                 const kafka::StopReplicaRequest& request,
                                                 const kafka::StopReplicaResponse& response) {
    const auto sent_to = x_state.brokers.find(broker_id);
    const bool current = x_phase == Phase::active && sent_to != x_state.brokers.end() &&
                         sent_to->second.epoch == request.broker_epoch;
    if (!current) {
        return finish();
    }
    constexpr auto kOk = static_cast<std::int16_t>(kafka::ErrorCode::none);
    std::set<kafka::TopicPartition> failed;
    for (const auto& error : response.partition_errors) {
        if (error.error_code != kOk) {
            failed.insert({error.topic_name, kafka::PartitionId(error.partition_index)});
        }
    }
    for (const auto& topic : request.topic_states) {
        const auto deletion = x_deletions.find(topic.topic_name);
        if (deletion == x_deletions.end() || deletion->second.step != Deletion::Step::stopping) {
            continue;
        }
        for (const auto& partition : topic.partition_states) {
            const kafka::TopicPartition at{topic.topic_name,
                                           kafka::PartitionId(partition.partition_index)};
            if (!partition.delete_partition) {
                continue;
            }
            if (response.error_code != kOk || failed.contains(at)) {
                deletion->second.failed = true;
            } else {
                deletion->second.expected.erase({at, broker_id});
            }
        }
        if (deletion->second.failed) {
            deletion->second.step = Deletion::Step::waiting;
            deletion->second.expected.clear();
        }
    }
    return finish();
}

void Controller::delete_tree(const std::string& path, const std::string& topic) {
    const WriteTicket ticket = x_next_ticket;
    x_next_ticket = ticket.next();
    x_writes.emplace(ticket, PendingRemoval{topic});
    x_effects.emplace_back(DeleteTree{ticket, path, epoch_check()});
}

void Controller::finished(const PendingRemoval& pending, zk::ErrorCode error) {
    const auto found = x_deletions.find(pending.topic);
    if (found == x_deletions.end()) {
        return;
    }
    Deletion& deletion = found->second;
    const bool absent = error == zk::ErrorCode::no_node;
    if (error != zk::ErrorCode::ok && !absent) {
        // From the start: every step finds done what is done.
        deletion.step = Deletion::Step::waiting;
        read_topic(pending.topic);
        return;
    }
    switch (deletion.step) {
        case Deletion::Step::waiting:
        case Deletion::Step::stopping:
            return;
        case Deletion::Step::removing_topic:
            x_state.topics.erase(pending.topic);
            deletion.step = Deletion::Step::removing_config;
            delete_tree(paths::config(paths::topic_entity(pending.topic)), pending.topic);
            return;
        case Deletion::Step::removing_config:
            deletion.step = Deletion::Step::removing_request;
            delete_tree(paths::delete_topic(pending.topic), pending.topic);
            return;
        case Deletion::Step::removing_request:
            x_deletions.erase(found);
            // A topic of the same name may have been made meanwhile.
            x_effects.emplace_back(ReadTopics{});
            x_dirty.insert(pending.topic);
            return;
    }
}

}  // namespace millrace::broker::controller
