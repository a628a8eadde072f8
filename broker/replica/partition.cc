#include "broker/replica/partition.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace millrace::broker::replica {

using kafka::ErrorCode;

Partition::Partition(log::PartitionLog& log, std::int32_t broker_id, Durability durability)
    : x_log(log),
      x_broker_id(broker_id),
      x_durability(durability),
      x_watchers(std::make_shared<std::list<Watcher*>>()),
      x_alive(std::make_shared<bool>(true)) {}

Partition::~Partition() {
    *x_alive = false;
    tell_watchers();
}

Result<bool> Partition::apply(const Leadership& leadership) {
    if (leadership.leader_epoch < x_leadership.leader_epoch ||
        leadership.partition_epoch < x_leadership.partition_epoch) {
        return fail(Errc::conflict,
                    fmt::format("{}: leader epoch {} is older than {}", id().to_string(),
                                leadership.leader_epoch, x_leadership.leader_epoch));
    }
    const bool is_new_epoch = leadership.leader_epoch > x_leadership.leader_epoch;
    x_leadership = leadership;
    const bool begins = is_new_epoch && leads();
    if (begins) {
        x_log.begin_leader_epoch(leadership.leader_epoch);
        // The only replica: everything that survived is as committed as it can be.
        if (leadership.replicas.size() <= 1) {
            x_log.set_high_watermark(x_log.log_end_offset());
        }
    }
    tell_watchers();
    return begins;
}

ErrorCode Partition::check_leader(std::int32_t client_epoch) const {
    if (client_epoch >= 0 && client_epoch < x_leadership.leader_epoch) {
        return ErrorCode::fenced_leader_epoch;
    }
    if (client_epoch > x_leadership.leader_epoch) {
        return ErrorCode::unknown_leader_epoch;
    }
    return leads() ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

log::AppendResult Partition::append(const log::LeaderAppend& append,
                                    std::move_only_function<void(ErrorCode)> then) {
    log::AppendResult result = x_log.append_as_leader(append);
    if (!result.ok()) {
        return result;
    }
    const std::int64_t end = result.last_offset + 1;
    auto finish = [this, end, alive = x_alive,
                   answer = std::move(then)](const Status& status) mutable {
        if (!status) {
            answer(ErrorCode::kafka_storage_error);
            return;
        }
        if (*alive) {
            advance(end);
        }
        answer(ErrorCode::none);
    };
    if (x_durability == Durability::synced) {
        x_log.flush(std::move(finish));
    } else {
        x_log.write_out(std::move(finish));
    }
    return result;
}

void Partition::advance(std::int64_t offset) {
    if (offset <= x_log.high_watermark()) {
        return;
    }
    x_log.set_high_watermark(offset);
    tell_watchers();
}

void Partition::tell_watchers() {
    // A watcher may destroy itself and others while it is told: work from a copy, and ask who is still there.
    const std::shared_ptr<std::list<Watcher*>> watchers = x_watchers;
    const std::vector<Watcher*> present(watchers->begin(), watchers->end());
    for (Watcher* watcher : present) {
        if (std::ranges::find(*watchers, watcher) != watchers->end()) {
            watcher->x_on_change();
        }
    }
}

Partition::Watcher::Watcher(Partition& partition, std::function<void()> on_change)
    : x_watchers(partition.x_watchers), x_on_change(std::move(on_change)) {
    x_watchers->push_back(this);
}

Partition::Watcher::~Watcher() {
    x_watchers->remove(this);
}

}  // namespace millrace::broker::replica
