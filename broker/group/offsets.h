// Committed offsets of one group. A commit is staged, appended to the log, and counts from the moment the log has it;
// a transactional one counts from its commit marker. The latest by position in the log wins, as it would after compaction.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/group/records.h"
#include "broker/group/requests.h"

namespace millrace::broker::group {

struct CommittedOffset {
    OffsetValue value;
    std::int64_t log_offset = -1;  // base offset of the batch that holds the commit
};

// Which offsets of a group may expire now, and from when each is counted.
struct ExpiryRule {
    // Milliseconds; nullopt counts from each commit.
    std::optional<std::int64_t> since;
    std::set<std::string> kept_topics;
};

class Offsets {
 public:
    using Staged = std::vector<std::pair<TopicPartition, OffsetValue>>;

    void stage(const Staged& offsets);
    void stage_transactional(std::int64_t producer_id, const Staged& offsets);
    // The append of staged offsets is in the log at log_offset, or has failed.
    void appended(const Staged& offsets, std::int64_t log_offset);
    void failed(const Staged& offsets);
    void appended_transactional(std::int64_t producer_id, const Staged& offsets,
                                std::int64_t log_offset);
    void failed_transactional(std::int64_t producer_id, const Staged& offsets);
    // The marker of a transaction is in the log.
    void end_transaction(std::int64_t producer_id, bool commit);

    // From the log while loading.
    void restore(const TopicPartition& at, CommittedOffset offset);
    void restore_transactional(std::int64_t producer_id, const TopicPartition& at,
                               CommittedOffset offset);
    void restore_tombstone(const TopicPartition& at) { x_committed.erase(at); }

    FetchResponse fetch(const FetchRequest& request) const;
    // Forgets these, staged ones as well. Returns those that were committed, which need tombstones.
    std::vector<TopicPartition> remove(const std::vector<TopicPartition>& partitions);
    std::vector<TopicPartition> remove_topics(const std::set<std::string>& topics);
    std::vector<TopicPartition> remove_all();
    std::vector<TopicPartition> remove_expired(const ExpiryRule& rule, WallTime now,
                                               std::int64_t retention_ms);

    bool has_transaction(std::int64_t producer_id) const {
        return x_transactional.contains(producer_id);
    }
    // True while anything is committed, staged or in a transaction.
    bool any() const {
        return !x_committed.empty() || !x_staged.empty() || !x_transactional.empty();
    }
    std::size_t size() const { return x_committed.size(); }

    std::optional<std::string> invariants() const;

 private:
    struct Pending {
        OffsetValue value;
        std::optional<std::int64_t> log_offset;
    };
    bool unstable(const TopicPartition& at) const;
    void put(const TopicPartition& at, const OffsetValue& value, std::int64_t log_offset);

    std::map<TopicPartition, CommittedOffset> x_committed;
    std::map<TopicPartition, OffsetValue> x_staged;  // the last one staged for each partition
    std::map<std::int64_t, std::map<TopicPartition, Pending>> x_transactional;  // by producer id
};

}  // namespace millrace::broker::group
