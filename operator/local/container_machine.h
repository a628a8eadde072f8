// The life of one container: when it starts, what its end means, how long a failing one waits. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "lib/base/time.h"

namespace millrace::kube_operator::local {

enum class RestartPolicy { always, on_failure, never };

struct ContainerEnd {
    int exit_code = 0;
    int signal = 0;
    std::string reason;   // Completed, Error, OOMKilled, ContainerStatusUnknown
    std::string message;  // its last words; may be empty
    WallTime started{};
    WallTime finished{};
};

class ContainerMachine {
 public:
    enum class Phase { waiting, running, ended };

    ContainerMachine(std::string name, RestartPolicy policy)
        : x_name(std::move(name)), x_policy(policy) {}

    // True when a process is to be started now.
    bool wants_start(Instant now) const;
    // When the next start is due; nothing while running or when it is over.
    std::optional<Instant> next_start() const;

    // The process runs.
    void on_started(Instant now, WallTime wall);
    // It could not be started; tried again after a back-off. reason is CreateContainerConfigError, RunContainerError, …
    void on_blocked(const std::string& reason, const std::string& message, Instant now);
    void on_ended(ContainerEnd end, Instant now);
    // Continues a container of an earlier run of this program.
    void on_adopted(int restarts, Instant now, WallTime started);
    // No further start: the pod is being deleted.
    void stop() { x_stopped = true; }

    void set_ready(bool ready) { x_ready = ready; }
    void set_started(bool started) { x_started = started; }
    bool ready() const { return x_phase == Phase::running && x_ready; }
    bool started() const { return x_phase == Phase::running && x_started; }
    Phase phase() const { return x_phase; }
    const std::string& name() const { return x_name; }
    int restarts() const { return x_restarts; }
    // What restarts() will be once it has been started again.
    int restarts_of_next() const { return x_restarts + (x_ran ? 1 : 0); }
    Instant running_since() const { return x_running_since; }
    const std::optional<ContainerEnd>& last_end() const { return x_last; }

    // One entry of status.containerStatuses.
    nlohmann::json status(const std::string& image) const;

 private:
    std::string x_name;
    RestartPolicy x_policy;
    Phase x_phase = Phase::waiting;
    bool x_stopped = false;
    bool x_ready = false;
    bool x_started = false;
    int x_restarts = 0;
    bool x_ran = false;
    int x_failures = 0;  // in a row, for the back-off
    Instant x_next{};
    Instant x_running_since{};
    WallTime x_started_at{};
    std::string x_reason = "ContainerCreating";
    std::string x_message;
    std::optional<ContainerEnd> x_last;   // the latest end
    std::optional<ContainerEnd> x_shown;  // lastState: the end before the present run
};

}  // namespace millrace::kube_operator::local
