// The group coordinator core with its effects performed: appends go to partitions of __consumer_offsets that this broker
// leads, answers go back to the calls that wait.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "broker/group/coordinator.h"
#include "broker/replica/replica_set.h"
#include "lib/runtime/loop.h"

namespace millrace::broker::api {

class GroupService {
 public:
    // All references outlive the service.
    GroupService(runtime::Loop& loop, replica::ReplicaSet& replicas,
                 const group::CoordinatorConfig& config);
    ~GroupService();
    GroupService(const GroupService&) = delete;
    GroupService& operator=(const GroupService&) = delete;

    group::Coordinator& core() { return x_core; }
    group::Moment moment() const;

    using Reply = std::function<void(const group::Response&)>;
    // Registers who waits for an answer; the token goes into the request of the core.
    group::Token expect(Reply reply);
    // Performs what a step of the core asked for.
    void perform(std::vector<group::Effect> effects);

    // This broker began to lead a partition of __consumer_offsets: its log is read in slices, then its groups are served.
    void lead(replica::Partition& partition);
    // It leads it no more. No epoch: the partition is gone.
    void resign(std::int32_t partition, std::optional<std::int32_t> leader_epoch);

 private:
    struct Load;
    void continue_load(std::shared_ptr<Load> load);
    void replay(BytesView bytes, Load& load);
    void append(const group::Append& append);
    void arm_timer();

    runtime::Loop& x_loop;
    replica::ReplicaSet& x_replicas;
    group::Coordinator x_core;
    std::uint64_t x_next_token = 1;
    std::map<std::uint64_t, Reply> x_waiting;
    runtime::TimerId x_timer = runtime::TimerId::none;
    std::optional<Instant> x_timer_at;
    std::shared_ptr<bool> x_alive;
};

}  // namespace millrace::broker::api
