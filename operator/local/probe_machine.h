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

    ProbeMachine(ProbeSpec spec, Instant started)
        : x_spec(std::move(spec)), x_next(started + x_spec.initial_delay) {}

    // True once per period; the question counts as asked then.
    bool take_turn(Instant now);
    // When the next question is due; nothing while one is open.
    std::optional<Instant> next() const { return x_open ? std::nullopt : std::optional(x_next); }
    // The answer. The verdict changes when a threshold is reached.
    Verdict on_answer(bool good);

    Verdict verdict() const { return x_verdict; }
    const ProbeSpec& spec() const { return x_spec; }

 private:
    ProbeSpec x_spec;
    Instant x_next;
    bool x_open = false;
    int x_good = 0;
    int x_bad = 0;
    Verdict x_verdict = Verdict::undecided;
};

}  // namespace millrace::kube_operator::local
