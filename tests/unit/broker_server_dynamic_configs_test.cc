// The settings in the coordinators, against a tree that answers at once.
#include "broker/server/dynamic_configs.h"

#include <catch2/catch.hpp>

#include "lib/zk/zookeeper.h"
#include "tests/support/manual_loop.h"
#include "tests/support/scripted_network.h"
#include "tests/support/zk_frames.h"

namespace millrace::broker::server {
namespace {

using testing::answer_to;

constexpr std::string_view kAll = "/config/brokers/<default>";

struct Node {
    std::string data;
    std::int64_t ctime = 0;
};

struct Rig {
    testing::ManualLoop loop;
    testing::ScriptedNetwork network{loop};
    std::map<std::string, Node, std::less<>> tree{{"/config/topics", {}}, {"/config/changes", {}}};
    std::vector<std::string> changed;
    std::size_t loaded = 0;
    std::unique_ptr<zk::Client> client;
    std::shared_ptr<testing::ScriptedPeer> peer;
    DynamicConfigs configs{loop, [this](const std::string& entity) { changed.push_back(entity); }};

    Rig() {
        client = std::make_unique<zk::Client>(
            loop, network, zk::ClientOptions{.servers = zk::ConnectString::parse("a:1").value()},
            [](zk::SessionEvent) {});
        client->start();
        connect();
    }

    void connect() {
        loop.run_until_idle();
        peer = network.accept();
        peer->received.clear();
        peer->send(testing::greeting_answer(5, 18'000));
        loop.run_until_idle();
    }
    void attach() {
        configs.attach(*client, 1, [this] { ++loaded; });
        loop.run_until_idle();
    }
    void put(const std::string& path, const std::string& settings) {
        tree[path] = {R"({"version":1,"config":{)" + settings + "}}", 0};
    }
    void notify(const std::string& name, const std::string& entity, std::int64_t ctime) {
        tree["/config/changes/" + name] = {R"({"version":2,"entity_path":")" + entity + "\"}",
                                           ctime};
    }
    // Somebody has written below /config/changes.
    void fire() {
        peer->send(testing::notification(4, "/config/changes", 9));
        serve();
    }
    // Answers until nothing is asked any more.
    void serve() {
        loop.run_until_idle();
        while (!peer->received.empty()) {
            for (const auto& request : testing::split_requests(std::exchange(peer->received, {}))) {
                peer->send(answer(request));
            }
            loop.run_until_idle();
        }
    }
    Bytes answer(const testing::ZkRequest& request) {
        wire::Reader in(request.body);
        const auto size = static_cast<std::size_t>(in.int32());
        const std::string path = to_text(in.bytes(size));
        const auto found = tree.find(path);
        if (found == tree.end()) {
            return answer_to(request.xid, 9, zk::ErrorCode::no_node);
        }
        if (request.op == zk::OpCode::remove) {
            tree.erase(found);
            return answer_to(request.xid, 9);
        }
        if (request.op == zk::OpCode::get_data) {
            zk::Stat stat;
            stat.ctime = found->second.ctime;
            return answer_to(request.xid, 9, zk::ErrorCode::ok,
                             zk::GetDataResponse{to_bytes(found->second.data), stat});
        }
        std::vector<std::string> names;
        for (const auto& [name, node] : tree) {
            if (name.starts_with(path + "/")) {
                names.push_back(name.substr(path.size() + 1));
            }
        }
        return answer_to(request.xid, 9, zk::ErrorCode::ok, zk::GetChildren2Response{names, {}});
    }
};

}  // namespace

TEST_CASE("settings of topics and brokers are read before anything else begins") {
    Rig rig;
    rig.put("/config/topics/t", R"("retention.ms":"-1")");
    rig.put(std::string(kAll), R"("max.connections":"5")");
    rig.attach();
    REQUIRE(rig.loaded == 0);
    rig.serve();
    REQUIRE(rig.loaded == 1);
    REQUIRE(rig.configs.of("topics/t") == controller::ConfigMap{{"retention.ms", "-1"}});
    REQUIRE(rig.configs.of("brokers/<default>") == controller::ConfigMap{{"max.connections", "5"}});
    REQUIRE(rig.configs.of("brokers/1").empty());
}

TEST_CASE("reads that were lost with the connection are made again") {
    Rig rig;
    rig.put("/config/topics/t", R"("retention.ms":"-1")");
    rig.attach();
    rig.peer->hang_up();
    rig.loop.run_until_idle();
    rig.loop.advance(2s);
    rig.connect();
    for (int i = 0; i < 4; ++i) {
        rig.serve();
        rig.loop.advance(1s);
    }
    REQUIRE(rig.loaded == 1);
    REQUIRE(rig.configs.of("topics/t").size() == 1);
}

TEST_CASE("a notice is followed once, and removed when it is older than 15 minutes") {
    Rig rig;
    const std::int64_t now = rig.loop.wall_now().millis;
    rig.notify("config_change_1", "topics/t", now - 16LL * 60'000);
    rig.notify("config_change_2", "brokers/<default>", now);
    rig.attach();
    rig.serve();
    REQUIRE_FALSE(rig.tree.contains("/config/changes/config_change_1"));
    REQUIRE(rig.tree.contains("/config/changes/config_change_2"));
    rig.changed.clear();
    rig.put("/config/brokers/1", R"("max.connections":"6")");
    rig.notify("config_change_3", "brokers/1", now);
    rig.notify("config_change_4", "brokers/2", now);
    rig.fire();
    REQUIRE(rig.changed == std::vector<std::string>{"brokers/1"});
    REQUIRE(rig.configs.of("brokers/1").size() == 1);
}

TEST_CASE("a new session reads again what may have changed without it") {
    Rig rig;
    rig.put("/config/topics/t", R"("retention.ms":"1")");
    rig.attach();
    rig.serve();
    rig.configs.detach();
    rig.put("/config/topics/t", R"("retention.ms":"2")");
    rig.attach();
    rig.serve();
    REQUIRE(rig.loaded == 2);
    REQUIRE(rig.configs.of("topics/t") == controller::ConfigMap{{"retention.ms", "2"}});
}

}  // namespace millrace::broker::server
