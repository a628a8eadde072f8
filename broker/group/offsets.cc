#include "broker/group/offsets.h"

#include <algorithm>

namespace millrace::broker::group {

void Offsets::stage(const Staged& offsets) {
    for (const auto& [at, value] : offsets) {
        x_staged.insert_or_assign(at, value);
    }
}

void Offsets::stage_transactional(std::int64_t producer_id, const Staged& offsets) {
    auto& pending = x_transactional[producer_id];
    for (const auto& [at, value] : offsets) {
        pending.insert_or_assign(at, Pending{value, std::nullopt});
    }
}

void Offsets::put(const TopicPartition& at, const OffsetValue& value, std::int64_t log_offset) {
    const auto [entry, fresh] = x_committed.try_emplace(at, CommittedOffset{value, log_offset});
    if (!fresh && entry->second.log_offset < log_offset) {
        entry->second = CommittedOffset{value, log_offset};
    }
}

void Offsets::appended(const Staged& offsets, std::int64_t log_offset) {
    for (const auto& [at, value] : offsets) {
        const auto staged = x_staged.find(at);
        if (staged == x_staged.end()) {
            continue;  // removed meanwhile, with its topic for instance
        }
        put(at, value, log_offset);
        if (staged->second == value) {
            x_staged.erase(staged);
        }
    }
}

void Offsets::failed(const Staged& offsets) {
    for (const auto& [at, value] : offsets) {
        const auto staged = x_staged.find(at);
        if (staged != x_staged.end() && staged->second == value) {
            x_staged.erase(staged);
        }
    }
}

void Offsets::appended_transactional(std::int64_t producer_id, const Staged& offsets,
                                     std::int64_t log_offset) {
    const auto producer = x_transactional.find(producer_id);
    if (producer == x_transactional.end()) {
        return;
    }
    for (const auto& [at, value] : offsets) {
        const auto pending = producer->second.find(at);
        if (pending != producer->second.end() && pending->second.value == value) {
            pending->second.log_offset = log_offset;
        }
    }
}

void Offsets::failed_transactional(std::int64_t producer_id, const Staged& offsets) {
    const auto producer = x_transactional.find(producer_id);
    if (producer == x_transactional.end()) {
        return;
    }
    for (const auto& [at, value] : offsets) {
        const auto pending = producer->second.find(at);
        if (pending != producer->second.end() && pending->second.value == value) {
            producer->second.erase(pending);
        }
    }
    if (producer->second.empty()) {
        x_transactional.erase(producer);
    }
}

void Offsets::end_transaction(std::int64_t producer_id, bool commit) {
    auto node = x_transactional.extract(producer_id);
    if (node.empty() || !commit) {
        return;
    }
    for (const auto& [at, pending] : node.mapped()) {
        // Without a place in the log the commit was never acknowledged, and its batch stands after the marker if anywhere.
        if (pending.log_offset) {
            put(at, pending.value, *pending.log_offset);
        }
    }
}

void Offsets::restore(const TopicPartition& at, CommittedOffset offset) {
    x_committed.insert_or_assign(at, std::move(offset));
}

void Offsets::restore_transactional(std::int64_t producer_id, const TopicPartition& at,
                                    CommittedOffset offset) {
    x_transactional[producer_id].insert_or_assign(
        at, Pending{std::move(offset.value), offset.log_offset});
}

bool Offsets::unstable(const TopicPartition& at) const {
    return x_staged.contains(at) ||
           std::ranges::any_of(x_transactional, [&at](const auto& producer) {
               return producer.second.contains(at);
           });
}

FetchResponse Offsets::fetch(const FetchRequest& request) const {
    std::vector<TopicPartition> wanted;
    if (request.partitions) {
        wanted = *request.partitions;
    } else {
        wanted.reserve(x_committed.size());
        for (const auto& [at, offset] : x_committed) {
            wanted.push_back(at);
        }
    }
    FetchResponse response;
    response.offsets.reserve(wanted.size());
    for (TopicPartition& at : wanted) {
        FetchedOffset fetched;
        if (request.require_stable && unstable(at)) {
            fetched.error = ErrorCode::unstable_offset_commit;
        } else if (const auto found = x_committed.find(at); found != x_committed.end()) {
            fetched.offset = found->second.value.offset;
            fetched.leader_epoch = found->second.value.leader_epoch;
            fetched.metadata = found->second.value.metadata;
        }
        fetched.at = std::move(at);
        response.offsets.push_back(std::move(fetched));
    }
    return response;
}

std::vector<TopicPartition> Offsets::remove(const std::vector<TopicPartition>& partitions) {
    std::vector<TopicPartition> removed;
    for (const TopicPartition& at : partitions) {
        x_staged.erase(at);
        for (auto producer = x_transactional.begin(); producer != x_transactional.end();) {
            producer->second.erase(at);
            producer = producer->second.empty() ? x_transactional.erase(producer) : ++producer;
        }
        if (x_committed.erase(at) > 0) {
            removed.push_back(at);
        }
    }
    return removed;
}

std::vector<TopicPartition> Offsets::remove_topics(const std::set<std::string>& topics) {
    std::vector<TopicPartition> affected;
    const auto note = [&](const TopicPartition& at) {
        if (topics.contains(at.topic)) {
            affected.push_back(at);
        }
    };
    for (const auto& [at, offset] : x_committed) {
        note(at);
    }
    for (const auto& [at, offset] : x_staged) {
        note(at);
    }
    for (const auto& [producer_id, pending] : x_transactional) {
        for (const auto& [at, offset] : pending) {
            note(at);
        }
    }
    return remove(affected);
}

std::vector<TopicPartition> Offsets::remove_all() {
    std::vector<TopicPartition> committed;
    committed.reserve(x_committed.size());
    for (const auto& [at, offset] : x_committed) {
        committed.push_back(at);
    }
    x_committed.clear();
    x_staged.clear();
    x_transactional.clear();
    return committed;
}

std::vector<TopicPartition> Offsets::remove_expired(const ExpiryRule& rule, WallTime now,
                                                    std::int64_t retention_ms) {
    std::vector<TopicPartition> expired;
    for (const auto& [at, offset] : x_committed) {
        if (rule.kept_topics.contains(at.topic) || x_staged.contains(at)) {
            continue;
        }
        const std::int64_t since = rule.since.value_or(offset.value.commit_timestamp);
        const bool over = offset.value.expire_timestamp != -1
                              ? now.millis >= offset.value.expire_timestamp
                              : now.millis - since >= retention_ms;
        if (over) {
            expired.push_back(at);
        }
    }
    for (const TopicPartition& at : expired) {
        x_committed.erase(at);
    }
    return expired;
}

std::optional<std::string> Offsets::invariants() const {
    for (const auto& [at, offset] : x_committed) {
        if (offset.log_offset < 0) {
            return "a committed offset has no place in the log: " + at.topic;
        }
    }
    for (const auto& [producer_id, pending] : x_transactional) {
        if (pending.empty()) {
            return "a producer is remembered without offsets";
        }
    }
    return std::nullopt;
}

}  // namespace millrace::broker::group
