// Election, loading, and what brokers ask of the controller.
#include "broker/controller/controller.h"

#include <algorithm>

#include "broker/controller/zk_paths.h"
#include "lib/base/check.h"

namespace millrace::broker::controller {
namespace {

using kafka::ErrorCode;

constexpr std::int32_t kProducerIdBlockSize = 1000;

}  // namespace

Controller::Controller(ControllerOptions options, Random& random)
    : x_options(std::move(options)), x_random(random) {}

zk::CheckOp Controller::epoch_check() const {
    return {std::string(paths::kControllerEpoch), x_epoch_version};
}

WriteTicket Controller::write(std::vector<zk::MultiOp> ops, Pending pending) {
    const WriteTicket ticket = x_next_ticket;
    x_next_ticket = ticket.next();
    x_writes.emplace(ticket, std::move(pending));
    x_effects.emplace_back(Write{ticket, std::move(ops)});
    return ticket;
}

// Brings everything in line with the picture after each input, and hands the effects over.
ControlEffects Controller::finish() {
    if (x_phase == Phase::loading && x_read_brokers && x_topics_read && x_deletions_read &&
        x_topic_reads.empty()) {
        activate();
    }
    if (x_phase == Phase::active) {
        remove_dead_brokers();
        reconcile();
        add_fresh_brokers();
        reconcile();
        progress_deletions();
        flush_requests();
        answer_shutdowns();
    }
    return std::exchange(x_effects, {});
}

ControlEffects Controller::start() {
    x_effects.emplace_back(ReadController{});
    return finish();
}

ControlEffects Controller::session_expired() {
    resign();
    x_writes.clear();
    x_controller_id = -1;
    return finish();
}

ControlEffects Controller::changed(Watched what, const std::string& topic) {
    const bool controlling = x_phase == Phase::loading || x_phase == Phase::active;
    switch (what) {
        case Watched::controller:
            x_effects.emplace_back(ReadController{});
            break;
        case Watched::brokers:
            if (controlling) {
                x_effects.emplace_back(ReadBrokers{});
            }
            break;
        case Watched::topics:
            if (controlling) {
                x_effects.emplace_back(ReadTopics{});
            }
            break;
        case Watched::topic:
            // Also while its first read is under way: that read may have passed the change already.
            if (controlling && (x_state.topic(topic) != nullptr || x_topic_reads.contains(topic))) {
                read_topic(topic);
            }
            break;
        case Watched::deletions:
            if (controlling) {
                x_effects.emplace_back(ReadDeletions{});
            }
            break;
    }
    return finish();
}

ControlEffects Controller::controller_read(const ControllerView& view, WallTime now) {
    x_controller_id = view.record ? view.record->broker_id : -1;
    const bool controlling = x_phase == Phase::loading || x_phase == Phase::active;
    if (view.record && view.ours) {
        // The answer to our election was lost, and it had happened.
        if (x_phase == Phase::electing && view.epoch == x_epoch) {
            become(view.epoch, view.epoch_version);
        }
    } else if (controlling) {
        resign();
        if (!view.record) {
            elect(view, now);
        }
    } else if (!view.record) {
        elect(view, now);
    } else {
        x_phase = Phase::idle;
    }
    return finish();
}

void Controller::elect(const ControllerView& view, WallTime now) {
    x_phase = Phase::electing;
    x_epoch = view.epoch + 1;
    x_epoch_version = view.epoch_version + 1;  // what it will be
    ControllerRecord record;
    record.broker_id = x_options.broker_id;
    record.timestamp = now.millis;
    // Both or neither: whoever holds the node has also fenced his predecessor.
    write({zk::CreateOp{std::string(paths::kController), encode(record), x_options.acl,
                        zk::CreateMode::ephemeral},
           zk::SetDataOp{std::string(paths::kControllerEpoch), encode_controller_epoch(x_epoch),
                         view.epoch_version}},
          PendingElection{});
}

void Controller::finished(const PendingElection&, zk::ErrorCode error) {
    if (x_phase != Phase::electing) {
        return;
    }
    if (error == zk::ErrorCode::ok) {
        become(x_epoch, x_epoch_version);
        return;
    }
    if (error != zk::ErrorCode::connection_loss) {
        x_phase = Phase::idle;
    }
    x_effects.emplace_back(ReadController{});
}

void Controller::become(std::int32_t epoch, std::int32_t epoch_version) {
    x_phase = Phase::loading;
    x_controller_id = x_options.broker_id;
    x_epoch = epoch;
    x_epoch_version = epoch_version;
    x_effects.emplace_back(Elected{epoch});
    write({zk::CreateOp{std::string(paths::kFeature), encode(FeatureRecord{}), x_options.acl,
                        zk::CreateMode::persistent}},
          PendingAny{});
    x_effects.emplace_back(ClearNotifications{epoch_check()});
    x_effects.emplace_back(ReadBrokers{});
    x_effects.emplace_back(ReadTopics{});
    x_effects.emplace_back(ReadDeletions{});
}

// All is read. Brokers must know each other's addresses before the first LeaderAndIsr names a leader.
void Controller::activate() {
    x_phase = Phase::active;
    x_state.brokers = *x_read_brokers;
    x_live = x_state.live_ids();
    for (const std::int32_t id : x_live) {
        connect(id);
    }
    x_requests.update_brokers();
    flush_requests();
    for (const auto& [name, topic] : x_state.topics) {
        x_dirty.insert(name);
        for (const auto& [number, partition] : topic.partitions) {
            if (!partition.state) {
                continue;
            }
            const kafka::TopicPartition at{name, kafka::PartitionId(number)};
            x_requests.update_metadata(at);
            for (const std::int32_t id : partition.assignment.replicas) {
                if (x_live.contains(id)) {
                    x_requests.leader_and_isr(id, at, false);
                }
            }
        }
    }
    flush_requests();
}

// Forgets everything that only a controller knows. Nothing more is sent or written after this.
void Controller::resign() {
    const bool was = x_phase == Phase::loading || x_phase == Phase::active;
    x_phase = Phase::idle;
    for (const auto& [id, broker] : x_state.brokers) {
        x_effects.emplace_back(Disconnect{id});
    }
    for (const IdRequest& request : std::exchange(x_id_requests, {})) {
        x_effects.emplace_back(
            Answer{request.token, ProducerIdsAnswer{ErrorCode::not_controller, -1, 0}});
    }
    for (const Shutdown& request : std::exchange(x_shutdowns, {})) {
        x_effects.emplace_back(
            Answer{request.token, ShutdownAnswer{ErrorCode::not_controller, {}}});
    }
    x_state = {};
    x_live.clear();
    x_read_brokers.reset();
    x_topics_read = false;
    x_deletions_read = false;
    x_topic_reads.clear();
    x_dirty.clear();
    x_deletions.clear();
    x_requests.clear();
    x_ids_under_way = false;
    // Outcomes of writes under way mean nothing to a later term.
    for (auto& [ticket, pending] : x_writes) {
        pending = PendingAny{};
    }
    if (was) {
        x_effects.emplace_back(Resigned{});
    }
}

// The epoch check of a write has failed: somebody else has been elected.
void Controller::moved() {
    resign();
    x_controller_id = -1;
    x_effects.emplace_back(ReadController{});
}

ControlEffects Controller::written(WriteTicket ticket, zk::ErrorCode error,
                                   const zk::MultiResults& results) {
    auto node = x_writes.extract(ticket);
    if (node.empty()) {
        return {};
    }
    const bool election = std::holds_alternative<PendingElection>(node.mapped());
    const bool any = std::holds_alternative<PendingAny>(node.mapped());
    const bool fenced = error != zk::ErrorCode::ok && !results.empty() &&
                        results.front().error == zk::ErrorCode::bad_version;
    if (fenced && !election && !any) {
        moved();
        return finish();
    }
    if (error != zk::ErrorCode::session_expired) {
        std::visit([&](const auto& pending) { finished(pending, error); }, node.mapped());
    }
    return finish();
}

ControlEffects Controller::brokers_read(std::map<std::int32_t, LiveBroker> brokers) {
    if (x_phase == Phase::loading || x_phase == Phase::active) {
        x_read_brokers = std::move(brokers);
    }
    return finish();
}

ControlEffects Controller::topics_read(const std::set<std::string>& topics) {
    if (x_phase != Phase::loading && x_phase != Phase::active) {
        return finish();
    }
    x_topics_read = true;
    std::erase_if(x_state.topics, [&](const auto& topic) { return !topics.contains(topic.first); });
    for (const std::string& name : topics) {
        if (x_state.topic(name) == nullptr && !x_topic_reads.contains(name)) {
            read_topic(name);
        }
    }
    return finish();
}

void Controller::read_topic(const std::string& topic) {
    x_topic_reads.insert(topic);
    x_effects.emplace_back(ReadTopic{topic});
}

ControlEffects Controller::topic_read(const std::string& topic,
                                      const std::optional<TopicView>& view) {
    if (x_phase != Phase::loading && x_phase != Phase::active) {
        return finish();
    }
    x_topic_reads.erase(topic);
    if (view) {
        x_state.take(topic, *view);
    } else {
        x_state.topics.erase(topic);
    }
    x_dirty.insert(topic);
    return finish();
}

bool Controller::broker_is_current(std::int32_t broker_id, std::int64_t broker_epoch,
                                   ErrorCode& error) const {
    const auto broker = x_state.brokers.find(broker_id);
    if (x_phase != Phase::active) {
        error = ErrorCode::not_controller;
    } else if (broker == x_state.brokers.end()) {
        error = ErrorCode::broker_not_available;
    } else if (broker_epoch != -1 && broker_epoch < broker->second.epoch) {
        error = ErrorCode::stale_broker_epoch;
    }
    return error == ErrorCode::none;
}

ControlEffects Controller::controlled_shutdown(ControlToken token, std::int32_t broker_id,
                                               std::int64_t broker_epoch) {
    ShutdownAnswer refusal;
    if (!broker_is_current(broker_id, broker_epoch, refusal.error)) {
        x_effects.emplace_back(Answer{token, std::move(refusal)});
        return finish();
    }
    x_state.shutting_down.insert(broker_id);
    std::map<std::string, NextStates> moves;
    for (const kafka::TopicPartition& at : x_state.partitions_on(broker_id)) {
        const PartitionInfo& partition = *x_state.partition(at);
        if (!partition.state || partition.writing || x_deletions.contains(at.topic)) {
            continue;
        }
        const ElectionInput input = election_input(*x_state.topic(at.topic), partition);
        if (auto next = state_without(broker_id, *partition.state, input)) {
            moves[at.topic].emplace_back(at.partition.value(), *std::move(next));
        }
        if (partition.state->leader != broker_id && partition.assignment.replicas.size() > 1) {
            x_requests.stop_replica(broker_id, at, false);
        }
    }
    for (const auto& [name, next] : moves) {
        write_states(name, *x_state.topic(name), next);
    }
    x_shutdowns.push_back({token, broker_id});
    return finish();
}

// A shutdown is answered when nothing of the broker is on its way any more, with what could not be moved. Partitions with
// one replica are not counted: nobody can take them, and the broker must not wait for that.
void Controller::answer_shutdowns() {
    std::erase_if(x_shutdowns, [this](const Shutdown& shutdown) {
        ShutdownAnswer answer;
        for (const kafka::TopicPartition& at : x_state.partitions_on(shutdown.broker_id)) {
            const PartitionInfo& partition = *x_state.partition(at);
            if (partition.writing) {
                return false;
            }
            const bool leads = partition.state && partition.state->leader == shutdown.broker_id;
            if (leads && partition.assignment.replicas.size() > 1 &&
                !x_deletions.contains(at.topic)) {
                answer.remaining.push_back(at);
            }
        }
        x_effects.emplace_back(Answer{shutdown.token, std::move(answer)});
        return true;
    });
}

ControlEffects Controller::allocate_producer_ids(ControlToken token, std::int32_t broker_id,
                                                 std::int64_t broker_epoch) {
    ProducerIdsAnswer refusal;
    const auto broker = x_state.brokers.find(broker_id);
    if (x_phase != Phase::active) {
        refusal.error = ErrorCode::not_controller;
    } else if (broker == x_state.brokers.end()) {
        refusal.error = ErrorCode::broker_id_not_registered;
    } else if (broker->second.epoch != broker_epoch) {
        refusal.error = ErrorCode::stale_broker_epoch;
    } else if (x_id_requests.size() >= x_options.waiting_max) {
        refusal.error = ErrorCode::request_timed_out;
    }
    if (refusal.error != ErrorCode::none) {
        x_effects.emplace_back(Answer{token, refusal});
        return finish();
    }
    x_id_requests.push_back({token, broker_id});
    if (!x_ids_under_way) {
        x_ids_under_way = true;
        x_effects.emplace_back(ReadProducerIds{});
    }
    return finish();
}

ControlEffects Controller::producer_ids_read(const std::optional<ProducerIdBlock>& block,
                                             std::int32_t node_version) {
    if (!x_ids_under_way || x_id_requests.empty()) {
        return finish();
    }
    const std::int64_t first = block ? block->last + 1 : 0;
    if (first > INT64_MAX - kProducerIdBlockSize) {
        x_effects.emplace_back(Answer{x_id_requests.front().token,
                                      ProducerIdsAnswer{ErrorCode::unknown_server_error, -1, 0}});
        x_id_requests.pop_front();
        x_ids_under_way = false;
        return finish();
    }
    const ProducerIdBlock next{x_id_requests.front().broker_id, first,
                               first + kProducerIdBlockSize - 1};
    write({epoch_check(),
           zk::SetDataOp{std::string(paths::kProducerIdBlock), encode(next), node_version}},
          PendingProducerIds{first});
    return finish();
}

void Controller::finished(const PendingProducerIds& pending, zk::ErrorCode error) {
    if (x_id_requests.empty()) {
        x_ids_under_way = false;
        return;
    }
    // After any failure the block may be taken or not; the next read tells, and a block lost that way is no harm.
    if (error == zk::ErrorCode::ok) {
        x_effects.emplace_back(
            Answer{x_id_requests.front().token,
                   ProducerIdsAnswer{ErrorCode::none, pending.first, kProducerIdBlockSize}});
        x_id_requests.pop_front();
    }
    x_ids_under_way = !x_id_requests.empty();
    if (x_ids_under_way) {
        x_effects.emplace_back(ReadProducerIds{});
    }
}

std::optional<std::string> Controller::invariants() const {
    const bool controlling = x_phase == Phase::loading || x_phase == Phase::active;
    if (!controlling && (!x_state.topics.empty() || !x_state.brokers.empty())) {
        return "a broker that does not control remembers the cluster";
    }
    for (const auto& [name, topic] : x_state.topics) {
        for (const auto& [number, partition] : topic.partitions) {
            const std::string at = fmt::format("{}-{}", name, number);
            if (partition.state && partition.state->controller_epoch > x_epoch) {
                return at + ": its state is of a later controller";
            }
            if (partition.state && partition.state->isr.empty()) {
                return at + ": no replica is in sync";
            }
            if (partition.state && partition.state->leader >= 0 &&
                std::ranges::find(partition.state->isr, partition.state->leader) ==
                    partition.state->isr.end()) {
                return at + ": its leader is not in sync";
            }
            if (partition.writing && partition.state &&
                partition.writing->leader_epoch != partition.state->leader_epoch + 1) {
                return at + ": a write skips a leader epoch";
            }
        }
    }
    if (x_phase == Phase::active && x_live != x_state.live_ids()) {
        return "the set of live brokers is not that of the picture";
    }
    if (!controlling && (!x_id_requests.empty() || !x_shutdowns.empty())) {
        return "requests wait for a controller that is none";
    }
    return std::nullopt;
}

}  // namespace millrace::broker::controller
