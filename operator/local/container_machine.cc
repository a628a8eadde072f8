#include "operator/local/container_machine.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;

// The kubelet's figures: 10 s doubled up to 5 min, forgotten after 10 min of running. The first restart does not wait.
constexpr Duration kBackOffFirst = 10s;
constexpr Duration kBackOffLongest = std::chrono::minutes(5);
constexpr Duration kForgetAfter = std::chrono::minutes(10);
constexpr Duration kBlockedRetry = 2s;

Duration back_off(int failures) {
    if (failures <= 1) {
        return Duration{};
    }
    constexpr int kDoublingsMax = 10;
    return std::min<Duration>(kBackOffFirst * (1 << std::min(failures - 2, kDoublingsMax)),
                              kBackOffLongest);
}

Json ended_state(const ContainerEnd& end) {
    Json state = {{"exitCode", end.exit_code},
                  {"reason", end.reason},
                  {"startedAt", to_iso8601(end.started)},
                  {"finishedAt", to_iso8601(end.finished)}};
    if (end.signal != 0) {
        state["signal"] = end.signal;
    }
    if (!end.message.empty()) {
        state["message"] = end.message;
    }
    return {{"terminated", std::move(state)}};
}

}  // namespace

bool ContainerMachine::wants_start(Instant now) const {
    const std::optional<Instant> next = next_start();
    return next && *next <= now;
}

std::optional<Instant> ContainerMachine::next_start() const {
    return x_phase == Phase::waiting && !x_stopped ? std::optional(x_next) : std::nullopt;
}

void ContainerMachine::on_started(Instant now, WallTime wall) {
    x_restarts = restarts_of_next();
    x_ran = true;
    x_phase = Phase::running;
    x_running_since = now;
    x_started_at = wall;
    x_shown = x_last;
    x_ready = false;
    x_started = false;
}

void ContainerMachine::on_adopted(int restarts, Instant now, WallTime started) {
    x_restarts = restarts;
    x_ran = true;
    x_phase = Phase::running;
    x_running_since = now;
    x_started_at = started;
}

void ContainerMachine::on_blocked(const std::string& reason, const std::string& message,
                                  Instant now) {
    x_phase = Phase::waiting;
    x_reason = reason;
    x_message = message;
    x_next = now + kBlockedRetry;
}

void ContainerMachine::on_ended(ContainerEnd end, Instant now) {
    end.started = x_started_at;
    const bool failed = end.exit_code != 0;
    const bool again =
        x_policy == RestartPolicy::always || (x_policy == RestartPolicy::on_failure && failed);
    x_failures = now - x_running_since >= kForgetAfter ? 1 : x_failures + 1;
    x_last = std::move(end);
    x_ready = false;
    x_started = false;
    if (!again || x_stopped) {
        x_phase = Phase::ended;
        return;
    }
    x_phase = Phase::waiting;
    const Duration pause = back_off(x_failures);
    x_next = now + pause;
    x_reason = pause > Duration{} ? "CrashLoopBackOff" : "ContainerCreating";
    x_message =
        pause > Duration{}
            ? fmt::format("back-off {}s restarting failed container={}",
                          std::chrono::duration_cast<std::chrono::seconds>(pause).count(), x_name)
            : std::string();
    x_shown = x_last;
}

nlohmann::json ContainerMachine::status(const std::string& image) const {
    Json state;
    switch (x_phase) {
        case Phase::waiting:
            state = {{"waiting", {{"reason", x_reason}}}};
            if (!x_message.empty()) {
                state["waiting"]["message"] = x_message;
            }
            break;
        case Phase::running:
            state = {{"running", {{"startedAt", to_iso8601(x_started_at)}}}};
            break;
        case Phase::ended:
            state = x_last ? ended_state(*x_last) : Json{{"waiting", {{"reason", x_reason}}}};
            break;
    }
    return {
        {"name", x_name},
        {"image", image},
        {"imageID", ""},
        {"containerID", x_ran ? fmt::format("process://{}-{}", x_name, x_restarts) : std::string()},
        {"ready", ready()},
        {"started", started()},
        {"restartCount", x_restarts},
        {"state", std::move(state)},
        {"lastState", x_shown && x_phase != Phase::ended ? ended_state(*x_shown) : Json::object()}};
}

}  // namespace millrace::kube_operator::local
