#include "operator/kube/lease.h"

namespace millrace::kube_operator::kube {

LeaseElector::LeaseElector(std::string identity, LeaseTimes times)
    : x_identity(std::move(identity)), x_times(times) {}

LeaseAction LeaseElector::on_timer(Instant now) {
    LeaseAction action;
    // Each round begins with a read: what was seen last may be long gone.
    x_write_started = now;
    action.kind = LeaseAction::Kind::read;
    return action;
}

LeaseRecord LeaseElector::own_record(const LeaseRecord& before, WallTime wall) const {
    LeaseRecord record;
    record.holder = x_identity;
    record.duration_seconds =
        std::chrono::duration_cast<std::chrono::seconds>(x_times.duration).count();
    record.renewed = wall;
    const bool ours = before.holder == x_identity;
    record.acquired = ours ? before.acquired : wall;
    record.transitions = ours ? before.transitions : before.transitions + 1;
    return record;
}

LeaseAction LeaseElector::on_read(const std::optional<ObservedLease>& seen, Instant now,
                                  WallTime wall) {
    LeaseAction action;
    if (!seen) {
        action.kind = LeaseAction::Kind::create;
        action.record = own_record(LeaseRecord{}, wall);
        return action;
    }
    if (!x_record_changed || seen->record != x_record) {
        x_record = seen->record;
        x_record_changed = now;
    }
    x_resource_version = seen->resource_version;
    const bool ours = x_record.holder == x_identity;
    if (!ours) {
        x_renewed.reset();
    }
    const Duration valid = std::chrono::seconds(x_record.duration_seconds);
    const bool expired = x_record.holder.empty() || now - *x_record_changed >= valid;
    if (!ours && !expired) {
        return action;
    }
    action.kind = LeaseAction::Kind::update;
    action.record = own_record(x_record, wall);
    action.resource_version = x_resource_version;
    return action;
}

void LeaseElector::on_written(const Result<std::string>& resource_version,
                              const LeaseRecord& record, Instant now) {
    if (!resource_version) {
        return;
    }
    x_record = record;
    x_record_changed = now;
    x_resource_version = *resource_version;
    if (record.holder == x_identity) {
        // Counted from before the write: the others saw it no earlier.
        x_renewed = x_write_started;
    } else {
        x_renewed.reset();
    }
}

std::optional<LeaseAction> LeaseElector::release(WallTime wall) {
    if (!x_renewed) {
        return std::nullopt;
    }
    x_renewed.reset();
    LeaseAction action;
    action.kind = LeaseAction::Kind::update;
    action.record = x_record;
    action.record.holder.clear();
    action.record.duration_seconds = 1;
    action.record.renewed = wall;
    action.resource_version = x_resource_version;
    return action;
}

bool LeaseElector::leading(Instant now) const {
    return x_renewed && now - *x_renewed < x_times.renew_deadline;
}

}  // namespace millrace::kube_operator::kube
