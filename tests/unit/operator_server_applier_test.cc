#include "operator/server/applier.h"
#include "tests/unit/operator_server_fake_api.h"

namespace millrace::kube_operator::server {
namespace {

json config_map(const std::string& value) {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"name", "c"}, {"namespace", "n"}}},
            {"data", {{"key", value}}}};
}

// An applier over caches that are read.
struct Fixture {
    testing::ManualLoop loop;
    FakeApi api{loop};
    Caches caches{loop, api, ""};
    kube::EventRecorder events{loop, api, "test"};
    Applier applier{api, caches, events};
    kube::JsonPtr about = shared({{"apiVersion", "millrace.dev/v1alpha1"},
                                  {"kind", "KafkaCluster"},
                                  {"metadata", {{"name", "demo"}, {"namespace", "n"}}}});

    Fixture() {
        caches.start([](const auto&, const auto&) {}, [] {});
        loop.run_until_idle();
    }
    Status perform(std::vector<reconcile::Action> actions) {
        Status ended = fail(Errc::timed_out, "not done");
        applier.perform(about, std::move(actions),
                        [&](Status status) { ended = std::move(status); });
        loop.run_until_idle();
        return ended;
    }
    std::vector<std::string> new_calls() { return std::exchange(api.calls, {}); }
};

}  // namespace

TEST_CASE("an object that holds what is wanted is not applied again") {
    Fixture f;
    REQUIRE(f.perform({reconcile::ApplyObject{config_map("a").dump()}}));
    REQUIRE(f.new_calls() == std::vector<std::string>{"apply ConfigMap c"});
    REQUIRE(f.perform({reconcile::ApplyObject{config_map("a").dump()}}));
    REQUIRE(f.new_calls().empty());
}

TEST_CASE(
    "an object is applied again when something else is wanted or a wanted value was changed") {
    Fixture f;
    REQUIRE(f.perform({reconcile::ApplyObject{config_map("a").dump()}}));
    REQUIRE(f.perform({reconcile::ApplyObject{config_map("b").dump()}}));
    REQUIRE(f.new_calls().size() == 2);
    f.api.put(config_map("meddled"));
    f.loop.run_until_idle();
    REQUIRE(f.perform({reconcile::ApplyObject{config_map("b").dump()}}));
    REQUIRE(f.new_calls() == std::vector<std::string>{"apply ConfigMap c"});
}

TEST_CASE("what others add to an object is left alone") {
    Fixture f;
    REQUIRE(f.perform({reconcile::ApplyObject{config_map("a").dump()}}));
    json labelled = config_map("a");
    labelled["metadata"]["labels"] = {{"team", "x"}};
    f.api.put(labelled);
    f.loop.run_until_idle();
    f.new_calls();
    REQUIRE(f.perform({reconcile::ApplyObject{config_map("a").dump()}}));
    REQUIRE(f.new_calls().empty());
}

TEST_CASE("fields are taken by force only after a conflict") {
    Fixture f;
    f.api.next_error = Error{Errc::conflict, "field is owned by another manager"};
    REQUIRE(f.perform({reconcile::ApplyObject{config_map("a").dump()}}));
    REQUIRE(f.new_calls() == std::vector<std::string>{"apply ConfigMap c", "force ConfigMap c"});
}

TEST_CASE("the first refusal ends the actions that follow") {
    Fixture f;
    f.api.next_error = Error{Errc::invalid_argument, "refused"};
    const Status ended = f.perform(
        {reconcile::ApplyObject{config_map("a").dump()}, reconcile::DeletePod{"p", "uid"}});
    REQUIRE(ended.error().message.find("refused") != std::string::npos);
    REQUIRE(f.new_calls() == std::vector<std::string>{"apply ConfigMap c"});
}

TEST_CASE("a pod is deleted by uid and counts as going away from then on") {
    Fixture f;
    f.api.put(
        {{"apiVersion", "v1"},
         {"kind", "Pod"},
         {"metadata",
          {{"name", "p"},
           {"namespace", "n"},
           {"uid", "u1"},
           {"labels", {{resources::kLabelCluster, "demo"}, {resources::kLabelRole, "broker"}}}}}});
    f.loop.run_until_idle();
    REQUIRE_FALSE(f.caches.pods({"n", "demo"}, resources::Role::broker).front().deleting);
    REQUIRE(f.perform({reconcile::DeletePod{"p", "u1"}}));
    REQUIRE(f.new_calls() == std::vector<std::string>{"delete Pod p u1"});
    REQUIRE(f.caches.pods({"n", "demo"}, resources::Role::broker).front().deleting);
}

TEST_CASE("a pod that was replaced meanwhile needs no deletion") {
    Fixture f;
    f.api.next_error = Error{Errc::conflict, "the uid is another"};
    REQUIRE(f.perform({reconcile::DeletePod{"p", "u1"}}));
}

TEST_CASE("a status of an object that is gone is no failure") {
    Fixture f;
    f.api.next_error = Error{Errc::not_found, "no such object"};
    Status ended = fail(Errc::timed_out, "not done");
    f.applier.write_statuses({{f.about, "{}"}}, [&](Status status) { ended = std::move(status); });
    f.loop.run_until_idle();
    REQUIRE(ended);
    REQUIRE(f.new_calls() == std::vector<std::string>{"status KafkaCluster demo"});
}

}  // namespace millrace::kube_operator::server
