// Leader election over a coordination.k8s.io Lease. LeaseElector is pure: it is told times and answers and says what to read or
// write. LeaderElection drives it with a client.
//
// Clocks of different nodes are not compared: another holder's lease counts as expired when its record has not changed for its
// duration by our own monotonic clock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "operator/kube/client.h"

namespace millrace::kube_operator::kube {

struct LeaseTimes {
    Duration duration = 15s;        // others may take over after this silence
    Duration renew_deadline = 10s;  // a leader that could not renew for this long stops leading
    Duration retry = 2s;            // pause between attempts
};

struct LeaseRecord {
    std::string holder;  // empty after a release
    std::int64_t duration_seconds = 0;
    WallTime acquired{};
    WallTime renewed{};
    std::uint64_t transitions = 0;  // grows with each change of the holder: the fencing token

    bool operator==(const LeaseRecord&) const = default;
};

struct ObservedLease {
    LeaseRecord record;
    std::string resource_version;
};

struct LeaseAction {
    enum class Kind { none, read, create, update };
    Kind kind = Kind::none;
    LeaseRecord record;            // for create and update
    std::string resource_version;  // for update
};

class LeaseElector {
 public:
    LeaseElector(std::string identity, LeaseTimes times);

    // Every retry period.
    LeaseAction on_timer(Instant now);
    // The answer to a read; no value means that no Lease exists.
    LeaseAction on_read(const std::optional<ObservedLease>& seen, Instant now, WallTime wall);
    // The answer to a create or update. A failed one is followed by a read at the next timer.
    void on_written(const Result<std::string>& resource_version, const LeaseRecord& record,
                    Instant now);

    // The record that gives the lease up; only while leading.
    std::optional<LeaseAction> release(WallTime wall);

    // False as soon as the renew deadline has passed, also without a call in between.
    bool leading(Instant now) const;
    // The number of holder changes at our own taking; a holder before us has a smaller one.
    std::uint64_t fencing_token() const { return x_record.transitions; }
    const std::string& holder() const { return x_record.holder; }

 private:
    LeaseRecord own_record(const LeaseRecord& before, WallTime wall) const;

    std::string x_identity;
    LeaseTimes x_times;
    LeaseRecord x_record;
    std::string x_resource_version;
    std::optional<Instant> x_record_changed;  // when x_record was first seen like this
    std::optional<Instant> x_renewed;         // start of our last successful write
    std::optional<Instant> x_write_started;
};

// on_change(true) when this process starts to lead, on_change(false) when it has to stop. Client and loop outlive it.
class LeaderElection {
 public:
    LeaderElection(runtime::Loop& loop, Client& client, ObjectName lease, std::string identity,
                   LeaseTimes times = {});
    ~LeaderElection();
    LeaderElection(const LeaderElection&) = delete;
    LeaderElection& operator=(const LeaderElection&) = delete;

    void start(std::function<void(bool leading)> on_change);
    // Gives the lease up, so that another process need not wait for its end; then runs once that is written or has failed.
    void stop(runtime::Task then);
    bool leading() const;
    std::uint64_t fencing_token() const;
    const std::string& holder() const;

 private:
    struct State;
    std::shared_ptr<State> x_state;
};

// The Lease type, for clients and tests.
const ResourceType& lease_type();

}  // namespace millrace::kube_operator::kube
