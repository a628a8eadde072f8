// Drives LeaseElector over a client.
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"
#include "operator/kube/lease.h"

namespace millrace::kube_operator::kube {
namespace {

using Json = nlohmann::json;

// Leases carry microseconds: "2026-01-31T12:34:56.000000Z".
std::string micro_time(WallTime time) {
    std::string text = to_iso8601(time);
    text.pop_back();
    return fmt::format("{}.{:03}000Z", text, time.millis % 1000);
}

Json lease_object(const ObjectName& name, const LeaseRecord& record,
                  const std::string& resource_version) {
    Json metadata = {{"name", name.name}, {"namespace", name.name_space}};
    if (!resource_version.empty()) {
        metadata["resourceVersion"] = resource_version;
    }
    return {{"apiVersion", lease_type().api_version()},
            {"kind", "Lease"},
            {"metadata", std::move(metadata)},
            {"spec",
             {{"holderIdentity", record.holder},
              {"leaseDurationSeconds", record.duration_seconds},
              {"acquireTime", micro_time(record.acquired)},
              {"renewTime", micro_time(record.renewed)},
              {"leaseTransitions", record.transitions}}}};
}

// Times are compared as text only, so they travel as a count that changes with them.
WallTime read_time(const std::string& text) {
    std::int64_t digits = 0;
    for (char c : text) {
        if (c >= '0' && c <= '9' && digits < 100'000'000'000'000'000) {
            digits = digits * 10 + (c - '0');
        }
    }
    return WallTime{digits};
}

ObservedLease read_lease(const Json& object) {
    ObservedLease out;
    const Json& spec = value_at(object, {"spec"});
    out.record.holder = text_at(spec, {"holderIdentity"});
    const Json& seconds = value_at(spec, {"leaseDurationSeconds"});
    out.record.duration_seconds = seconds.is_number_integer() ? seconds.get<std::int64_t>() : 0;
    const Json& transitions = value_at(spec, {"leaseTransitions"});
    out.record.transitions =
        transitions.is_number_unsigned() ? transitions.get<std::uint64_t>() : 0;
    out.record.acquired = read_time(text_at(spec, {"acquireTime"}));
    out.record.renewed = read_time(text_at(spec, {"renewTime"}));
    out.resource_version = text_at(object, {"metadata", "resourceVersion"});
    return out;
}

}  // namespace

const ResourceType& lease_type() {
    static const ResourceType type = {"coordination.k8s.io", "v1", "leases", "Lease", true};
    return type;
}

struct LeaderElection::State : std::enable_shared_from_this<LeaderElection::State> {
    State(runtime::Loop& on, Client& through, ObjectName named, std::string who, LeaseTimes with)
        : loop(on),
          client(through),
          lease(std::move(named)),
          elector(std::move(who), with),
          times(with) {}

    void round() {
        timer = loop.run_after(times.retry, [self = weak_from_this()] {
            if (auto state = self.lock()) {
                state->round();
            }
        });
        report();
        if (busy) {
            return;
        }
        act(elector.on_timer(loop.now()));
    }

    void act(const LeaseAction& action) {
        busy = action.kind != LeaseAction::Kind::none;
        auto self = weak_from_this();
        switch (action.kind) {
            case LeaseAction::Kind::none:
                report();
                return;
            case LeaseAction::Kind::read:
                client.get(lease_type(), lease, [self](Result<JsonPtr> answer) {
                    if (auto state = self.lock()) {
                        state->take_read(answer);
                    }
                });
                return;
            case LeaseAction::Kind::create:
            case LeaseAction::Kind::update:
                write(action);
                return;
        }
    }

    void take_read(const Result<JsonPtr>& answer) {
        busy = false;
        if (stopped) {
            release();
            return;
        }
        if (!answer && answer.error().code != Errc::not_found) {
            log_warning("lease", "{} could not be read: {}", lease.to_string(),
                        answer.error().to_string());
            report();
            return;
        }
        const std::optional<ObservedLease> seen =
            answer ? std::optional(read_lease(**answer)) : std::nullopt;
        acquired_text = answer ? text_at(**answer, {"spec", "acquireTime"}) : std::string();
        act(elector.on_read(seen, loop.now(), loop.wall_now()));
    }

    void write(const LeaseAction& action) {
        Json object = lease_object(lease, action.record, action.resource_version);
        // A renewal keeps the time of the acquisition as it stands.
        if (action.kind == LeaseAction::Kind::update &&
            action.record.acquired != action.record.renewed && !acquired_text.empty()) {
            object["spec"]["acquireTime"] = acquired_text;
        }
        auto done = [self = weak_from_this(), record = action.record](Result<JsonPtr> answer) {
            if (auto state = self.lock()) {
                state->take_written(answer, record);
            }
        };
        auto shared = std::make_shared<const Json>(std::move(object));
        if (action.kind == LeaseAction::Kind::create) {
            client.create(lease_type(), shared, std::move(done));
        } else {
            client.replace(lease_type(), shared, Subresource::none, std::move(done));
        }
    }

    void take_written(const Result<JsonPtr>& answer, const LeaseRecord& record) {
        busy = false;
        if (!answer) {
            elector.on_written(fail(answer.error()), record, loop.now());
        } else {
            const ObservedLease stored = read_lease(**answer);
            elector.on_written(stored.resource_version, stored.record, loop.now());
        }
        if (stopped) {
            release();
        } else {
            report();
        }
    }

    // The end: gives up what is held, after an answer that was still awaited, and then says so.
    void release() {
        const std::optional<LeaseAction> action = elector.release(loop.wall_now());
        report();
        if (action) {
            busy = true;
            write(*action);
        } else {
            loop.post(std::move(*std::exchange(stopped, nullptr)));
        }
    }

    void report() {
        const bool leads = elector.leading(loop.now());
        if (leads != reported) {
            reported = leads;
            log_info("lease", "{} {}", leads ? "leading by" : "no longer leading by",
                     lease.to_string());
            if (on_change) {
                on_change(leads);
            }
        }
        loop.cancel(deadline);
        deadline = runtime::TimerId::none;
        if (leads) {
            // Also without any answer, leading ends in time.
            deadline = loop.run_after(times.renew_deadline, [self = weak_from_this()] {
                if (auto state = self.lock()) {
                    state->report();
                }
            });
        }
    }

    runtime::Loop& loop;
    Client& client;
    ObjectName lease;
    LeaseElector elector;
    LeaseTimes times;
    std::function<void(bool)> on_change;
    std::shared_ptr<runtime::Task> stopped;
    std::string acquired_text;
    runtime::TimerId timer = runtime::TimerId::none;
    runtime::TimerId deadline = runtime::TimerId::none;
    bool busy = false;
    bool reported = false;
};

LeaderElection::LeaderElection(runtime::Loop& loop, Client& client, ObjectName lease,
                               std::string identity, LeaseTimes times)
    : x_state(std::make_shared<State>(loop, client, std::move(lease), std::move(identity), times)) {
}

LeaderElection::~LeaderElection() {
    x_state->loop.cancel(x_state->timer);
    x_state->loop.cancel(x_state->deadline);
}

void LeaderElection::start(std::function<void(bool leading)> on_change) {
    x_state->on_change = std::move(on_change);
    x_state->round();
}

void LeaderElection::stop(runtime::Task then) {
    x_state->loop.cancel(x_state->timer);
    x_state->stopped = std::make_shared<runtime::Task>(std::move(then));
    if (!x_state->busy) {
        x_state->release();
    }
}

bool LeaderElection::leading() const {
    return x_state->elector.leading(x_state->loop.now());
}
std::uint64_t LeaderElection::fencing_token() const {
    return x_state->elector.fencing_token();
}
const std::string& LeaderElection::holder() const {
    return x_state->elector.holder();
}

}  // namespace millrace::kube_operator::kube
