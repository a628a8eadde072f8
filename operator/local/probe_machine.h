// Startup, readiness and liveness probes of one container: when to ask, and what the answers add up to. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/time.h"

namespace millrace::kube_operator::local {

struct ProbeSpec {
    enum class Kind { http, tcp, exec };
    Kind kind = Kind::tcp;
    std::string host;  // empty: the pod's address
    std::string path = "/";
    std::uint16_t port = 0;
    bool tls = false;
    std::vector<std::string> command;
    Duration initial_delay{};
    Duration period = 10s;
    Duration timeout = 1s;
    int success_threshold = 1;
    int failure_threshold = 3;
};

// Reads "startupProbe" and its like; nothing when the container has none or one of an unknown kind. Named ports are looked up
// in the container's ports.
std::optional<ProbeSpec> read_probe(const nlohmann::json& container, const std::string& field);

class ProbeMachine {
 public:
    enum class Verdict { undecided, passing, failing };

    // eager above 0: until the first good answer the probe asks in this rhythm; failures count once per period all the same.
    ProbeMachine(ProbeSpec spec, Instant started, Duration eager = {})
        : x_spec(std::move(spec)),
          x_eager(eager),
          x_next(started + x_spec.initial_delay),
          x_counts_from(x_next + (eager > Duration{} ? x_spec.period : Duration{})) {}

    // True once per period; the question counts as asked then.
    bool take_turn(Instant now);
    // When the next question is due; nothing while one is open.
    std::optional<Instant> next() const { return x_open ? std::nullopt : std::optional(x_next); }
    // The answer. The verdict changes when a threshold is reached.
    Verdict on_answer(bool good, Instant now);
    // Whether the last answer counted.
    bool counted() const { return x_counted; }

    Verdict verdict() const { return x_verdict; }
    const ProbeSpec& spec() const { return x_spec; }

 private:
    ProbeSpec x_spec;
    Duration x_eager;
    Instant x_next;
    Instant x_counts_from;  // failures before it do not count
    bool x_open = false;
    bool x_counted = false;
    int x_good = 0;
    int x_bad = 0;
    Verdict x_verdict = Verdict::undecided;
};

}  // namespace millrace::kube_operator::local
