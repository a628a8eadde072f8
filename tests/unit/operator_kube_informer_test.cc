#include "operator/kube/informer.h"

#include <nlohmann/json.hpp>

#include "tests/support/manual_loop.h"

using namespace millrace;
using namespace millrace::kube_operator::kube;
using Json = nlohmann::json;

namespace {

JsonPtr shared(Json value) {
    return std::make_shared<const Json>(std::move(value));
}

JsonPtr pod(const std::string& name, const std::string& version) {
    return shared(
        {{"metadata", {{"name", name}, {"namespace", "n"}, {"resourceVersion", version}}}});
}

// Answers lists from a script and hands the test the ends of watches.
class ScriptedClient : public Client {
 public:
    explicit ScriptedClient(runtime::Loop& loop) : x_loop(loop) {}

    void list(const ResourceType&, const ListScope&, Reply reply) override {
        x_loop.post([this, reply = std::move(reply)]() mutable {
            Result<JsonPtr> answer = lists.empty()
                                         ? Result<JsonPtr>(fail(Errc::connection_lost, "down"))
                                         : Result<JsonPtr>(lists.front());
            if (!lists.empty()) {
                lists.pop_front();
            }
            reply(std::move(answer));
        });
    }
    std::unique_ptr<Watch> watch(const ResourceType&, const ListScope&, const std::string& version,
                                 WatchHandler handler) override {
        watched_from.push_back(version);
        open = std::move(handler);
        return std::make_unique<Watch>();
    }
    void get(const ResourceType&, const ObjectName&, Reply) override {}
    void create(const ResourceType&, JsonPtr, Reply) override {}
    void replace(const ResourceType&, JsonPtr, Subresource, Reply) override {}
    void apply(const ResourceType&, JsonPtr, const ApplyOptions&, Reply) override {}
    void merge_patch(const ResourceType&, const ObjectName&, JsonPtr, Subresource, Reply) override {
    }
    void remove(const ResourceType&, const ObjectName&, const DeleteOptions&, Reply) override {}

    std::deque<JsonPtr> lists;
    std::vector<std::string> watched_from;
    WatchHandler open;

 private:
    runtime::Loop& x_loop;
};

JsonPtr list_of(const std::string& version, const std::vector<JsonPtr>& items) {
    Json list = {{"metadata", {{"resourceVersion", version}}}, {"items", Json::array()}};
    for (const JsonPtr& item : items) {
        list["items"].push_back(*item);
    }
    return shared(std::move(list));
}

struct Fixture {
    Fixture() : client(loop), informer(loop, client, {"", "v1", "pods", "Pod", true}, {}) {}

    void start() {
        informer.start([this](const ObjectName& name, const JsonPtr& before, const JsonPtr& after) {
            told.push_back(fmt::format("{}{}", !before ? "+" : !after ? "-" : "~", name.name));
        });
        loop.run_until_idle();
    }

    testing::ManualLoop loop;
    ScriptedClient client;
    Informer informer;
    std::vector<std::string> told;
};

}  // namespace

TEST_CASE("The list is reported and the watch begins where it ended") {
    Fixture f;
    f.client.lists = {list_of("10", {pod("a", "4"), pod("b", "9")})};
    f.start();
    REQUIRE(f.informer.synced());
    REQUIRE(f.told == std::vector<std::string>{"+a", "+b"});
    REQUIRE(f.client.watched_from == std::vector<std::string>{"10"});
    REQUIRE(f.informer.find({"n", "a"})->at("kind") == "Pod");
}

TEST_CASE("Events change the cache and bookmarks move the position only") {
    Fixture f;
    f.client.lists = {list_of("10", {pod("a", "4")})};
    f.start();
    f.client.open.on_event(WatchEventKind::modified, pod("a", "11"));
    f.client.open.on_event(WatchEventKind::deleted, pod("a", "12"));
    f.client.open.on_event(WatchEventKind::bookmark,
                           shared({{"metadata", {{"resourceVersion", "50"}}}}));
    REQUIRE(f.told == std::vector<std::string>{"+a", "~a", "-a"});
    f.client.open.on_end({});
    f.loop.run_until_idle();
    REQUIRE(f.client.watched_from.back() == "50");
    REQUIRE(f.informer.lists() == 1);
}

TEST_CASE("After 410 a new list reports what was missed, removals included") {
    Fixture f;
    f.client.lists = {list_of("10", {pod("a", "4"), pod("b", "5")}),
                      list_of("99", {pod("b", "60"), pod("c", "70")})};
    f.start();
    f.told.clear();
    const WatchHandler first = f.client.open;
    first.on_end(fail(Errc::not_found, "too old"));
    f.loop.advance(1s);
    REQUIRE(f.told == std::vector<std::string>{"-a", "~b", "+c"});
    REQUIRE(f.client.watched_from.back() == "99");
}

TEST_CASE("A lost connection is opened again from the last position without a new list") {
    Fixture f;
    f.client.lists = {list_of("10", {})};
    f.start();
    f.client.open.on_event(WatchEventKind::added, pod("a", "17"));
    const WatchHandler first = f.client.open;
    first.on_end(fail(Errc::connection_lost, "reset"));
    REQUIRE(f.client.watched_from.size() == 1);
    f.loop.advance(1s);
    REQUIRE(f.client.watched_from.back() == "17");
    REQUIRE(f.informer.lists() == 1);
}

TEST_CASE("A server that is away is asked again with growing pauses") {
    Fixture f;
    f.start();
    f.loop.advance(60s);
    REQUIRE_FALSE(f.informer.synced());
    // 0.2, 0.4, 0.8, … 25.6 s: eight pauses in a minute.
    REQUIRE(f.informer.lists() >= 8);
    REQUIRE(f.informer.lists() <= 10);
}
