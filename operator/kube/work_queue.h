// Which key is to be reconciled next. Pure: it is told the time. A key stands in the queue at most once, is never handed out
// twice at the same time, and one that is added while it is being worked on comes again afterwards.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "lib/base/time.h"

namespace millrace::kube_operator::kube {

struct WorkQueueLimits {
    Duration retry_first = 100ms;  // doubled with each failure in a row
    Duration retry_longest = 60s;
};

class WorkQueue {
 public:
    explicit WorkQueue(WorkQueueLimits limits = {});

    // To be handed out as soon as possible; overrides a later time.
    void add(const std::string& key);
    // Not before `when`; an earlier time that is set already stays.
    void add_at(const std::string& key, Instant when);

    // The next key that is due, in the order of adding. It counts as being worked on until done or failed.
    std::optional<std::string> take(Instant now);

    // The key's pass succeeded: its count of failures is forgotten.
    void done(const std::string& key);
    // The key's pass failed: it comes again after the back-off, or at once when it was added meanwhile.
    void failed(const std::string& key, Instant now);

    // When the next waiting key becomes due; none when nothing waits for a time. Keys that are due now do not count: take until
    // empty first.
    std::optional<Instant> next_due() const;

    std::size_t ready() const { return x_ready.size(); }
    std::size_t waiting() const { return x_waiting.size(); }
    std::size_t in_work() const { return x_in_work.size(); }
    // Failures in a row of one key.
    std::uint32_t failures(const std::string& key) const;

    // Aborts when the queue contradicts itself.
    void invariants() const;

 private:
    void make_ready(const std::string& key);
    void finish(const std::string& key);

    WorkQueueLimits x_limits;
    std::deque<std::string> x_ready;
    std::set<std::string> x_ready_set;
    std::map<std::string, Instant> x_waiting;
    std::set<std::pair<Instant, std::string>> x_by_time;
    std::map<std::string, bool> x_in_work;  // true: added again while in work
    std::map<std::string, std::uint32_t> x_failures;
};

}  // namespace millrace::kube_operator::kube
