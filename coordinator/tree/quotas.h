// Quotas as ZooKeeper keeps them: below /zookeeper/quota/<path> a node of limits and a node that counts, both as text like
// "count=3,bytes=40;byteHardLimit=100". The counting is done by NodeTree::apply, the refusing by Prepare.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace millrace::coordinator::tree {

// The text of a limits or counts node (ZooKeeper's StatsTrack).
class QuotaFigures {
 public:
    // Text that does not have the form counts as empty: what clients write there must not stop the server.
    static QuotaFigures parse(std::string_view text);

    // -1 for what is not set.
    std::int64_t count() const { return get("count"); }
    std::int64_t bytes() const { return get("bytes"); }
    std::int64_t count_hard_limit() const { return get("countHardLimit"); }
    std::int64_t byte_hard_limit() const { return get("byteHardLimit"); }
    void set(std::int64_t count, std::int64_t bytes);
    // "count=…,bytes=…", then everything else in the order of the names; with the stray "=" in between that Java writes.
    std::string to_string() const;

 private:
    std::int64_t get(std::string_view key) const;

    std::map<std::string, std::int64_t, std::less<>> x_values;
};

// The subtrees that have limits.
class Quotas {
 public:
    void clear() { x_subjects.clear(); }
    // Takes notice of a new node, or of a removed one; only limits nodes matter.
    void created(std::string_view path);
    void removed(std::string_view path);
    // The nearest path at or above this one that has limits; empty when there is none. A quota of / or of /zookeeper itself
    // does not count, as in ZooKeeper.
    std::string_view subject_of(std::string_view path) const;

    static bool is_limits_node(std::string_view path);
    static bool is_counts_node(std::string_view path);
    // The path that a node of /zookeeper/quota is about. The node must be one of limits or counts.
    static std::string_view subject_in(std::string_view quota_node);
    static std::string limits_path(std::string_view subject);
    static std::string counts_path(std::string_view subject);

 private:
    std::set<std::string, std::less<>> x_subjects;
};

}  // namespace millrace::coordinator::tree
