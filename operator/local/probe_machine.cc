#include "operator/local/probe_machine.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

std::uint16_t port_of(const Json& port, const Json& container) {
    const Json* value = &port;
    for (const Json& declared : value_at(container, {"ports"})) {
        if (port.is_string() && value_at(declared, {"name"}) == port) {
            value = &value_at(declared, {"containerPort"});
        }
    }
    const bool good = value->is_number_integer() && *value > 0 && *value < 65536;
    return good ? value->get<std::uint16_t>() : std::uint16_t{0};
}

int number(const Json& probe, const char* field, int fallback) {
    const Json& value = value_at(probe, {field});
    return value.is_number_integer() ? std::max(0, value.get<int>()) : fallback;
}

}  // namespace

std::optional<ProbeSpec> read_probe(const nlohmann::json& container, const std::string& field) {
    const Json& probe = value_at(container, {field});
    ProbeSpec out;
    if (const Json& http = value_at(probe, {"httpGet"}); http.is_object()) {
        out.kind = ProbeSpec::Kind::http;
        out.path = text_at(http, {"path"}).empty() ? "/" : text_at(http, {"path"});
        out.host = text_at(http, {"host"});
        out.tls = text_at(http, {"scheme"}) == "HTTPS";
        out.port = port_of(value_at(http, {"port"}), container);
    } else if (const Json& tcp = value_at(probe, {"tcpSocket"}); tcp.is_object()) {
        out.kind = ProbeSpec::Kind::tcp;
        out.host = text_at(tcp, {"host"});
        out.port = port_of(value_at(tcp, {"port"}), container);
    } else if (const Json& exec = value_at(probe, {"exec", "command"}); exec.is_array()) {
        out.kind = ProbeSpec::Kind::exec;
        for (const Json& word : exec) {
            out.command.push_back(word.is_string() ? word.get<std::string>() : std::string());
        }
    } else {
        return std::nullopt;
    }
    out.initial_delay = std::chrono::seconds(number(probe, "initialDelaySeconds", 0));
    out.period = std::chrono::seconds(std::max(1, number(probe, "periodSeconds", 10)));
    out.timeout = std::chrono::seconds(std::max(1, number(probe, "timeoutSeconds", 1)));
    out.success_threshold = std::max(1, number(probe, "successThreshold", 1));
    out.failure_threshold = std::max(1, number(probe, "failureThreshold", 3));
    return out;
}

bool ProbeMachine::take_turn(Instant now) {
    if (x_open || now < x_next) {
        return false;
    }
    x_open = true;
    x_next = now + x_spec.period;
    return true;
}

ProbeMachine::Verdict ProbeMachine::on_answer(bool good, Instant now) {
    x_open = false;
    x_counted = good || now >= x_counts_from;
    if (good) {
        x_eager = {};
        x_counts_from = now;
    } else if (x_eager > Duration{}) {
        x_next = now + x_eager;
        if (!x_counted) {
            return x_verdict;
        }
        x_counts_from = now + x_spec.period;
    }
    x_good = good ? x_good + 1 : 0;
    x_bad = good ? 0 : x_bad + 1;
    if (x_good >= x_spec.success_threshold) {
        x_verdict = Verdict::passing;
    } else if (x_bad >= x_spec.failure_threshold) {
        x_verdict = Verdict::failing;
    }
    return x_verdict;
}

}  // namespace millrace::kube_operator::local
