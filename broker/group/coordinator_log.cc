// What the coordinator reads from and forgets in __consumer_offsets: loading, unloading, deletion, expiry.
#include "broker/group/coordinator.h"
#include "lib/base/check.h"

namespace millrace::broker::group {
namespace {

constexpr unsigned char kFirstOfFourBytes = 0xf0;

}  // namespace

std::size_t utf16_length(std::string_view text) {
    std::size_t length = 0;
    for (const char each : text) {
        const auto byte = static_cast<unsigned char>(each);
        const bool continues = (byte & 0xc0U) == 0x80;
        length += continues ? 0 : byte >= kFirstOfFourBytes ? 2 : 1;
    }
    return length;
}

bool Coordinator::update_epoch(std::int32_t partition, std::optional<std::int32_t> epoch) {
    if (!epoch) {
        return true;
    }
    const auto [known, fresh] = x_epochs.try_emplace(partition, *epoch);
    if (!fresh && *epoch > known->second) {
        known->second = *epoch;
    }
    return known->second == *epoch;
}

bool Coordinator::begin_load(std::int32_t partition, std::int32_t epoch) {
    if (!update_epoch(partition, epoch) || x_owned.contains(partition)) {
        return false;
    }
    return x_loading.try_emplace(partition).second;
}

Status Coordinator::replay(std::int32_t partition, const LoadedRecord& record) {
    const auto found = x_loading.find(partition);
    if (found == x_loading.end()) {
        return {};  // unloaded meanwhile
    }
    Loading& loading = found->second;
    const RecordKey key = TRY(decode_key(record.key));
    if (const auto* group = std::get_if<GroupKey>(&key)) {
        std::optional<GroupValue>& slot = loading.groups[group->group_id];
        slot.reset();
        if (record.value) {
            slot = TRY(decode_group_value(*record.value));
        }
        return {};
    }
    const auto* offset = std::get_if<OffsetKey>(&key);
    if (offset == nullptr) {
        return {};
    }
    auto& offsets =
        record.transactional ? loading.transactional[record.producer_id] : loading.offsets;
    offsets.erase(*offset);
    if (record.value) {
        OffsetValue value = TRY(decode_offset_value(*record.value));
        offsets.emplace(*offset, CommittedOffset{std::move(value), record.batch_offset});
    }
    return {};
}

void Coordinator::replay_marker(std::int32_t partition, std::int64_t producer_id, bool commit) {
    const auto found = x_loading.find(partition);
    if (found == x_loading.end()) {
        return;
    }
    auto node = found->second.transactional.extract(producer_id);
    if (node.empty() || !commit) {
        return;
    }
    for (auto& [key, offset] : node.mapped()) {
        const auto present = found->second.offsets.find(key);
        if (present == found->second.offsets.end()) {
            found->second.offsets.emplace(key, std::move(offset));
        } else if (present->second.log_offset < offset.log_offset) {
            present->second = std::move(offset);
        }
    }
}

Coordinator::Group& Coordinator::install(const std::string& group_id, const GroupValue* value,
                                         Moment at) {
    const auto found = x_groups.find(group_id);
    if (found != x_groups.end()) {
        return found->second;
    }
    const std::int32_t partition = partition_of(group_id);
    Membership membership = value == nullptr
                                ? Membership(group_id, partition, x_config.membership, at.wall)
                                : Membership(group_id, partition, x_config.membership, *value);
    return x_groups.emplace(group_id, Group{std::move(membership), {}, {}}).first->second;
}

std::vector<Effect> Coordinator::finish_load(std::int32_t partition, Moment at) {
    auto node = x_loading.extract(partition);
    if (node.empty()) {
        return {};
    }
    Loading& loading = node.mapped();
    x_owned.insert(partition);
    std::set<std::string> names;
    for (const auto& [id, value] : loading.groups) {
        // A record in the wrong partition (the topic has grown) belongs to nobody.
        if (value && partition_of(id) == partition) {
            install(id, &*value, at);
            names.insert(id);
        }
    }
    for (auto& [key, offset] : loading.offsets) {
        if (partition_of(key.group_id) == partition) {
            install(key.group_id, nullptr, at).offsets.restore(key.at, std::move(offset));
            names.insert(key.group_id);
        }
    }
    for (auto& [producer_id, offsets] : loading.transactional) {
        for (auto& [key, offset] : offsets) {
            if (partition_of(key.group_id) == partition) {
                install(key.group_id, nullptr, at)
                    .offsets.restore_transactional(producer_id, key.at, std::move(offset));
                names.insert(key.group_id);
            }
        }
    }
    std::vector<Effect> effects;
    for (const std::string& id : names) {
        const auto group = x_groups.find(id);
        Step now = step(at);
        group->second.membership.start_sessions(now);
        std::vector<Effect> more = finish(group, at);
        std::ranges::move(more, std::back_inserter(effects));
    }
    return effects;
}

std::vector<Effect> Coordinator::unload(std::int32_t partition, std::optional<std::int32_t> epoch,
                                        Moment at) {
    if (!update_epoch(partition, epoch)) {
        return {};
    }
    x_owned.erase(partition);
    x_loading.erase(partition);
    for (auto group = x_groups.begin(); group != x_groups.end();) {
        const auto next = std::next(group);
        if (partition_of(group->first) == partition) {
            Step now = step(at);
            group->second.membership.unload(ErrorCode::not_coordinator, now);
            erase_group(group);
        }
        group = next;
    }
    return x_out.take();
}

std::vector<Effect> Coordinator::delete_group(Token token, const std::string& group_id, Moment at) {
    ErrorCode error = check_group(group_id, true);
    const auto group = x_groups.find(group_id);
    if (error == ErrorCode::none && group == x_groups.end()) {
        error = ErrorCode::group_id_not_found;
    } else if (error == ErrorCode::none && group->second.membership.state() != GroupState::empty) {
        error = ErrorCode::non_empty_group;
    }
    if (error != ErrorCode::none) {
        x_out.respond(token, DeleteGroupResponse{error});
        return x_out.take();
    }
    const std::vector<TopicPartition> removed = group->second.offsets.remove_all();
    delete_with_tombstones(group, removed, {token, DeleteGroupResponse{}}, at);
    return x_out.take();
}

std::vector<Effect> Coordinator::delete_offsets(Token token, const DeleteOffsetsRequest& request,
                                                Moment at) {
    DeleteOffsetsResponse response;
    response.error = check_group(request.group_id, false);
    const auto group = x_groups.find(request.group_id);
    if (response.error == ErrorCode::none && group == x_groups.end()) {
        response.error = ErrorCode::group_id_not_found;
    }
    std::vector<TopicPartition> eligible;
    if (response.error == ErrorCode::none) {
        const Membership& membership = group->second.membership;
        const bool empty = membership.state() == GroupState::empty;
        if (!empty && !membership.is_consumer_group()) {
            response.error = ErrorCode::non_empty_group;
        }
        for (const TopicPartition& at_partition : request.partitions) {
            const auto& topics = membership.subscribed_topics();
            // While the subscriptions are unknown every topic counts as subscribed.
            const bool subscribed = !empty && (!topics || topics->contains(at_partition.topic));
            response.partitions.push_back(subscribed ? ErrorCode::group_subscribed_to_topic
                                                     : ErrorCode::none);
            if (!subscribed) {
                eligible.push_back(at_partition);
            }
        }
    }
    if (response.error != ErrorCode::none) {
        response.partitions.clear();
        eligible.clear();
    }
    if (eligible.empty()) {
        x_out.respond(token, std::move(response));
        return x_out.take();
    }
    const std::vector<TopicPartition> removed = group->second.offsets.remove(eligible);
    delete_with_tombstones(group, removed, {token, std::move(response)}, at);
    return x_out.take();
}

// Appends tombstones for offsets already removed from memory, and for the group itself when nothing is left of it.
void Coordinator::delete_with_tombstones(Groups::iterator group,
                                         const std::vector<TopicPartition>& offsets,
                                         PendingDeletion pending, Moment at) {
    Append append;
    append.partition = partition_of(group->first);
    append.timestamp = at.wall;
    for (const TopicPartition& each : offsets) {
        append.records.push_back({encode_offset_key({group->first, each}), std::nullopt});
    }
    const std::string group_id = group->first;
    if (group->second.membership.state() == GroupState::empty && !group->second.offsets.any()) {
        // Generation 0 never wrote a metadata record: the group stored offsets only.
        if (group->second.membership.generation() > 0) {
            append.records.push_back({encode_group_key(group_id), std::nullopt});
        }
        erase_group(group);
    }
    if (append.records.empty()) {
        if (pending.token) {
            x_out.respond(*pending.token, std::move(pending.response));
        }
        return;
    }
    const Ticket ticket = x_out.append(std::move(append));
    x_pending.emplace(ticket, Pending{group_id, std::move(pending)});
}

std::vector<Effect> Coordinator::forget_topics(const std::set<std::string>& topics, Moment at) {
    for (auto group = x_groups.begin(); group != x_groups.end();) {
        const auto next = std::next(group);
        const std::vector<TopicPartition> removed = group->second.offsets.remove_topics(topics);
        if (!removed.empty()) {
            delete_with_tombstones(group, removed, {std::nullopt, DeleteGroupResponse{}}, at);
        }
        group = next;
    }
    return x_out.take();
}

void Coordinator::end_transaction(std::int32_t partition, std::int64_t producer_id, bool commit) {
    for (auto& [id, group] : x_groups) {
        if (group.offsets.has_transaction(producer_id) && partition_of(id) == partition) {
            group.offsets.end_transaction(producer_id, commit);
        }
    }
}

void Coordinator::expire_offsets(Moment at) {
    const std::int64_t retention_ms = to_millis(x_config.offsets_retention);
    for (auto group = x_groups.begin(); group != x_groups.end();) {
        const auto next = std::next(group);
        const Membership& membership = group->second.membership;
        std::vector<TopicPartition> removed;
        const bool empty = membership.state() == GroupState::empty;
        if (!membership.protocol_type()) {
            removed = group->second.offsets.remove_expired({}, at.wall, retention_ms);
        } else if (empty) {
            removed = group->second.offsets.remove_expired({membership.state_timestamp(), {}},
                                                           at.wall, retention_ms);
        } else if (membership.state() == GroupState::stable && membership.subscribed_topics()) {
            removed = group->second.offsets.remove_expired(
                {std::nullopt, *membership.subscribed_topics()}, at.wall, retention_ms);
        }
        if (!removed.empty() || (empty && !group->second.offsets.any())) {
            delete_with_tombstones(group, removed, {std::nullopt, DeleteGroupResponse{}}, at);
        }
        group = next;
    }
}

}  // namespace millrace::broker::group
