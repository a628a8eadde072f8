#include <nlohmann/json.hpp>

#include "operator/local/address_pool.h"
#include "operator/local/container_machine.h"
#include "operator/local/log_reader.h"
#include "operator/local/pod_status.h"
#include "operator/local/pod_view.h"
#include "operator/local/probe_machine.h"
#include "operator/local/survivors.h"

using namespace millrace;
using namespace millrace::kube_operator::local;
using Json = nlohmann::json;

namespace {

ContainerEnd exit_with(int code) {
    return {code, 0, code == 0 ? "Completed" : "Error", {}, {}};
}

PodView view() {
    PodView out;
    out.address = "127.70.0.1";
    out.mounts = {
        {"/data", "/run/v/data"}, {"/data/logs", "/run/v/logs"}, {"/etc/app", "/run/v/conf"}};
    out.resolve = [](const std::string& name_space, const std::string& pod) {
        return "<" + name_space + "/" + pod + ">";
    };
    return out;
}

}  // namespace

TEST_CASE(
    "A failing container is restarted at once, then after 10, 20, 40 s and at most every 5 minutes") {
    ContainerMachine machine("c", RestartPolicy::always);
    Instant now{};
    REQUIRE(machine.wants_start(now));
    for (Duration pause : std::vector<Duration>{0s, 10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
        machine.on_started(now, {});
        machine.on_ended(exit_with(1), now);
        REQUIRE(machine.next_start() == now + pause);
        now = now + pause;
    }
    REQUIRE(machine.status("i")["state"]["waiting"]["reason"] == "CrashLoopBackOff");
    REQUIRE(machine.status("i")["lastState"]["terminated"]["exitCode"] == 1);
    REQUIRE(machine.restarts() == 7);
}

TEST_CASE("Ten minutes of running forget the failures") {
    ContainerMachine machine("c", RestartPolicy::always);
    Instant now{};
    for (int i = 0; i < 4; ++i) {
        machine.on_started(now, {});
        machine.on_ended(exit_with(1), now);
    }
    machine.on_started(now, {});
    machine.on_ended(exit_with(1), now + 600s);
    REQUIRE(machine.next_start() == now + 600s);
}

TEST_CASE("The mark of a container survives as text") {
    const ContainerMark mark{"/d/\"x\"", "1-2", "broker", 7, WallTime{1'700'000'000'123}};
    REQUIRE(read_container_mark(to_text(mark)) == mark);
    for (const char* other :
         {"", "1", "[]", "{}", R"({"uid":"1"})", R"({"uid":"1","container":2})", "{\"uid\""}) {
        REQUIRE_FALSE(read_container_mark(other));
    }
}

TEST_CASE("A status tells how often a container was started, if it ever was") {
    ContainerMachine machine("c", RestartPolicy::always);
    auto told = [&machine] {
        return earlier_run({{"containerStatuses", {machine.status("i")}}}, "c");
    };
    REQUIRE_FALSE(told());
    REQUIRE_FALSE(earlier_run(nullptr, "c"));
    machine.on_started({}, WallTime{5'000});
    machine.on_ended(exit_with(1), {});
    REQUIRE(told()->restarts == 0);
    machine.on_started({}, WallTime{7'000});
    REQUIRE(told()->restarts == 1);
    REQUIRE(told()->started == WallTime{7'000});
    REQUIRE_FALSE(earlier_run({{"containerStatuses", {machine.status("i")}}}, "d"));
}

TEST_CASE("The restart policy decides whether an end is the end") {
    auto over = [](RestartPolicy policy, int code) {
        ContainerMachine machine("c", policy);
        machine.on_started(Instant{}, {});
        machine.on_ended(exit_with(code), Instant{});
        return machine.phase() == ContainerMachine::Phase::ended;
    };
    REQUIRE_FALSE(over(RestartPolicy::always, 0));
    REQUIRE(over(RestartPolicy::on_failure, 0));
    REQUIRE_FALSE(over(RestartPolicy::on_failure, 1));
    REQUIRE(over(RestartPolicy::never, 1));
}

TEST_CASE("A container of a pod that is being deleted is not started again") {
    ContainerMachine machine("c", RestartPolicy::always);
    machine.on_started(Instant{}, {});
    machine.stop();
    machine.on_ended(exit_with(0), Instant{});
    REQUIRE(machine.phase() == ContainerMachine::Phase::ended);
    REQUIRE_FALSE(machine.next_start());
}

TEST_CASE("What cannot be started shows why and is tried again") {
    ContainerMachine machine("c", RestartPolicy::always);
    machine.on_blocked("CreateContainerConfigError", "configmaps \"x\" not found", Instant{});
    REQUIRE_FALSE(machine.wants_start(Instant{1s}));
    REQUIRE(machine.wants_start(Instant{2s}));
    REQUIRE(machine.status("i")["state"]["waiting"]["message"] == "configmaps \"x\" not found");
    REQUIRE(machine.restarts() == 0);
}

TEST_CASE("A probe asks once per period after its delay and decides by its thresholds") {
    const Json container = {{"ports", Json::array({{{"name", "http"}, {"containerPort", 8080}}})},
                            {"readinessProbe",
                             {{"httpGet", {{"path", "/r"}, {"port", "http"}}},
                              {"initialDelaySeconds", 5},
                              {"periodSeconds", 2},
                              {"failureThreshold", 2}}}};
    const std::optional<ProbeSpec> spec = read_probe(container, "readinessProbe");
    REQUIRE(spec);
    REQUIRE(spec->port == 8080);
    ProbeMachine probe(*spec, Instant{});
    REQUIRE_FALSE(probe.take_turn(Instant{4s}));
    REQUIRE(probe.take_turn(Instant{5s}));
    REQUIRE_FALSE(probe.take_turn(Instant{9s}));  // the question is still open
    REQUIRE(probe.on_answer(true, Instant{9s}) == ProbeMachine::Verdict::passing);
    REQUIRE(probe.take_turn(Instant{9s}));
    REQUIRE(probe.on_answer(false, Instant{9s}) == ProbeMachine::Verdict::passing);
    REQUIRE(probe.take_turn(Instant{11s}));
    REQUIRE(probe.on_answer(false, Instant{11s}) == ProbeMachine::Verdict::failing);
}

TEST_CASE(
    "An eager probe asks often until the first good answer, and counts failures once per period") {
    ProbeSpec spec;
    spec.period = 2s;
    spec.failure_threshold = 2;
    ProbeMachine probe(spec, Instant{}, 100ms);
    for (int tenth = 0; tenth < 19; ++tenth) {
        const Instant now{tenth * 100ms};
        INFO(tenth);
        REQUIRE(probe.take_turn(now));
        REQUIRE(probe.on_answer(false, now) == ProbeMachine::Verdict::undecided);
        REQUIRE_FALSE(probe.counted());
    }
    REQUIRE(probe.take_turn(Instant{2s}));
    REQUIRE(probe.on_answer(false, Instant{2s}) == ProbeMachine::Verdict::undecided);
    REQUIRE(probe.counted());
    REQUIRE(probe.take_turn(Instant{2100ms}));
    REQUIRE(probe.on_answer(true, Instant{2100ms}) == ProbeMachine::Verdict::passing);
    REQUIRE_FALSE(probe.take_turn(Instant{2200ms}));
    REQUIRE(probe.take_turn(Instant{4100ms}));
    probe.on_answer(false, Instant{4100ms});
    REQUIRE(probe.counted());
}

TEST_CASE("Mount paths become directories only where a path begins") {
    REQUIRE(localized("--dir=/data", view()) == "--dir=/run/v/data");
    REQUIRE(localized("a=/data/x\nb=/data/logs/y", view()) == "a=/run/v/data/x\nb=/run/v/logs/y");
    REQUIRE(localized("/database /my/data x/data", view()) == "/database /my/data x/data");
    REQUIRE(localized("file:///etc/app/tls", view()) == "file:///etc/app/tls");
    REQUIRE(localized("/data:/etc/app", view()) == "/run/v/data:/run/v/conf");
}

TEST_CASE("The any-address is the pod's own") {
    REQUIRE(localized("PLAINTEXT://0.0.0.0:9092", view()) == "PLAINTEXT://127.70.0.1:9092");
    REQUIRE(localized("10.0.0.0.0 0.0.0.0/0", view()) == "10.0.0.0.0 0.0.0.0/0");
}

TEST_CASE("Names of pods behind a Service become their addresses, names of Services stay") {
    REQUIRE(localized("server.1=e-0.e.ns.svc:2888", view()) == "server.1=<ns/e-0>:2888");
    REQUIRE(localized("e-0.e.ns.svc.cluster.local,e-1.e.ns.svc", view()) == "<ns/e-0>,<ns/e-1>");
    REQUIRE(localized("e.ns.svc:2181", view()) == "e.ns.svc:2181");
}

TEST_CASE("Variables expand once, by what was declared before") {
    const std::map<std::string, std::string> environment = {{"A", "1"}, {"B", "$(A)"}};
    REQUIRE(expand_variables("$(A) $$(A) $(C) $(B) $", environment) == "1 $(A) $(C) $(A) $");
}

TEST_CASE("A container's command takes fields, keys and other variables") {
    const Json pod = {{"metadata", {{"name", "p"}, {"labels", {{"app", "x"}}}}},
                      {"status", {{"podIP", "127.70.0.1"}}}};
    const Json container = {
        {"image", "registry/millrace-broker:1"},
        {"args", {"--name=$(NAME)", "--dir=/data"}},
        {"env",
         Json::array(
             {{{"name", "NAME"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.name"}}}}}},
              {{"name", "IP"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "status.podIP"}}}}}},
              {{"name", "APP"},
               {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.labels['app']"}}}}}},
              {{"name", "SECRET"},
               {"valueFrom", {{"secretKeyRef", {{"name", "s"}, {"key", "k"}}}}}}})}};
    const PodSources sources = {
        [](const std::string&, const std::string& name, const std::string& key) {
            return std::optional(name + "." + key);
        },
        [](const std::string&, const std::string&) { return std::nullopt; }};
    const CommandResult out = container_command(pod, container, view(), sources);
    REQUIRE(out.missing.empty());
    REQUIRE(out.command.argv ==
            std::vector<std::string>{"millrace-broker", "--name=p", "--dir=/run/v/data"});
    REQUIRE(out.command.environment.at("IP") == "127.70.0.1");
    REQUIRE(out.command.environment.at("APP") == "x");
    REQUIRE(out.command.environment.at("SECRET") == "s.k");
}

TEST_CASE("A missing key keeps the container from starting unless it is optional") {
    const PodSources none = {[](const std::string&, const std::string&, const std::string&) {
                                 return std::optional<std::string>();
                             },
                             [](const std::string&, const std::string&) { return std::nullopt; }};
    Json reference = {{"name", "s"}, {"key", "k"}};
    Json container = {
        {"image", "x"},
        {"env", Json::array({{{"name", "A"}, {"valueFrom", {{"configMapKeyRef", reference}}}}})}};
    REQUIRE(container_command(Json::object(), container, view(), none).missing ==
            "configmaps \"s\" has no key \"k\"");
    container["env"][0]["valueFrom"]["configMapKeyRef"]["optional"] = true;
    REQUIRE(container_command(Json::object(), container, view(), none).missing.empty());
}

TEST_CASE("A pod's address follows from its name and is never shared") {
    AddressPool pool("/a");
    AddressPool other("/a");
    REQUIRE(AddressPool("/b").address_of("n", "p7") != AddressPool("/a").address_of("n", "p7"));
    std::set<std::string> seen;
    for (int i = 0; i < 500; ++i) {
        const std::string address = pool.address_of("n", "p" + std::to_string(i));
        REQUIRE(address.starts_with("127."));
        REQUIRE(seen.insert(address).second);
    }
    REQUIRE(other.address_of("n", "p7") == pool.address_of("n", "p7"));
    REQUIRE(AddressPool("elsewhere").address_of("n", "p7") != pool.address_of("n", "p7"));
    other.restore("n", "late", pool.address_of("n", "p7"));
    REQUIRE(other.address_of("n", "late") != other.address_of("n", "p7"));
}

TEST_CASE("The last lines of a log") {
    REQUIRE(tail_start("a\nb\nc\n", 1) == 4);
    REQUIRE(tail_start("a\nb\nc", 2) == 2);
    REQUIRE(tail_start("a\nb\n", 9) == 0);
    REQUIRE(tail_start("a\nb\n", 0) == 4);
}
