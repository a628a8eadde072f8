// The operator's client, informer, lease and events against the embedded server, over real sockets on loopback.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "lib/runtime/posix/posix_file_system.h"
#include "lib/runtime/posix_runtime.h"
#include "operator/kube/api_client.h"
#include "operator/kube/events.h"
#include "operator/kube/informer.h"
#include "operator/kube/json_text.h"
#include "operator/kube/lease.h"
#include "operator/local/api_server.h"

using namespace millrace;
using namespace millrace::kube_operator;
using Json = nlohmann::json;

namespace {

const kube::ResourceType kMaps = {"", "v1", "configmaps", "ConfigMap", true};
const kube::ResourceType kEvents = {"", "v1", "events", "Event", true};

kube::JsonPtr shared(Json value) {
    return std::make_shared<const Json>(std::move(value));
}

kube::JsonPtr map_of(const std::string& name, const std::string& text) {
    Json out = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}};
    out["metadata"] = {{"name", name}, {"namespace", "default"}};
    out["data"] = {{"k", text}};
    return shared(std::move(out));
}

struct World {
    World() : posix(runtime::make_posix_runtime({})) {
        char pattern[] = "/tmp/millrace-operator-XXXXXX";
        REQUIRE(mkdtemp(pattern) != nullptr);
        directory = pattern;
        auto started = local::start_api_server(posix->get(), {.directory = directory});
        REQUIRE(started);
        server = std::move(*started);
        client = kube::make_api_client(posix->get(),
                                       {.host = "127.0.0.1", .port = server->local().port}, {});
    }
    ~World() {
        client.reset();
        server.reset();
        posix.reset();  // its disk threads may be writing
        [[maybe_unused]] const Status removed =
            runtime::make_posix_file_system()->remove_tree(directory);
    }

    // Runs the loop until the test says that it is over.
    void run() {
        posix->get().loop.run_after(10s, [this] { posix->stop(1); });
        REQUIRE(posix->run() == 0);
    }

    std::string directory;
    std::unique_ptr<runtime::PosixRuntime> posix;
    std::unique_ptr<local::ApiServer> server;
    std::unique_ptr<kube::Client> client;
};

}  // namespace

TEST_CASE("An informer follows what the client writes") {
    World world;
    kube::Informer informer(world.posix->get().loop, *world.client, kMaps,
                            {.name_space = "default"});
    std::vector<std::string> told;
    auto step = [&](const kube::ObjectName& name, const kube::JsonPtr& before,
                    const kube::JsonPtr& after) {
        told.push_back((!before  ? "+"
                        : !after ? "-"
                                 : "~") +
                       name.name + (after ? kube::text_at(*after, {"data", "k"}) : ""));
        if (told.size() == 1) {
            world.client->apply(kMaps, map_of("a", "2"), {},
                                [](const Result<kube::JsonPtr>& reply) { REQUIRE(reply); });
        } else if (told.size() == 2) {
            world.client->remove(kMaps, {"default", "a"}, {},
                                 [](const Result<kube::JsonPtr>& reply) { REQUIRE(reply); });
        } else {
            world.posix->stop(0);
        }
    };
    informer.start(step, [&] {
        world.client->apply(kMaps, map_of("a", "1"), {},
                            [](const Result<kube::JsonPtr>& reply) { REQUIRE(reply); });
    });
    world.run();
    REQUIRE(told == std::vector<std::string>{"+a1", "~a2", "-a"});
}

TEST_CASE("Refusals reach the caller under their own codes") {
    World world;
    std::vector<Errc> codes;
    auto expect = [&](const Result<kube::JsonPtr>& reply) {
        REQUIRE_FALSE(reply);
        codes.push_back(reply.error().code);
        if (codes.size() == 4) {
            world.posix->stop(0);
        }
    };
    world.client->create(kMaps, map_of("a", "1"), [&](const Result<kube::JsonPtr>& made) {
        REQUIRE(made);
        world.client->create(kMaps, map_of("a", "1"), [&](const Result<kube::JsonPtr>& again) {
            expect(again);
            Json stale = *map_of("a", "2");
            stale["metadata"]["resourceVersion"] = "1";
            world.client->replace(
                kMaps, shared(stale), kube::Subresource::none,
                [&](const Result<kube::JsonPtr>& reply) {
                    expect(reply);
                    world.client->get(
                        kMaps, {"default", "b"}, [&](const Result<kube::JsonPtr>& missing) {
                            expect(missing);
                            world.client->create(kMaps, map_of("Bad_Name", "x"), expect);
                        });
                });
        });
    });
    world.run();
    REQUIRE(codes == std::vector<Errc>{Errc::already_exists, Errc::conflict, Errc::not_found,
                                       Errc::invalid_argument});
}

TEST_CASE("A lease passes to the next process when its holder gives it up") {
    World world;
    const kube::ObjectName name{"default", "lock"};
    const kube::LeaseTimes quick{2s, 1500ms, 50ms};
    runtime::Loop& loop = world.posix->get().loop;
    kube::LeaderElection first(loop, *world.client, name, "first", quick);
    kube::LeaderElection second(loop, *world.client, name, "second", quick);
    std::vector<std::string> told;
    auto second_changes = [&](bool leads) {
        told.push_back(leads ? "second leads" : "second stops");
        world.posix->stop(0);
    };
    first.start([&](bool leads) {
        told.push_back(leads ? "first leads" : "first stops");
        if (leads) {
            second.start(second_changes);
            loop.run_after(300ms, [&] { first.stop([] {}); });
        }
    });
    world.run();
    REQUIRE(told == std::vector<std::string>{"first leads", "first stops", "second leads"});
    REQUIRE(second.fencing_token() == first.fencing_token() + 1);
}

TEST_CASE("The same event again is counted, not repeated") {
    World world;
    runtime::Loop& loop = world.posix->get().loop;
    kube::EventRecorder events(loop, *world.client, "test", {.repeat_pause = 0ms});
    Json about = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}};
    about["metadata"] = {{"name", "a"}, {"namespace", "default"}, {"uid", "u"}};
    events.record(about, kube::EventSeverity::warning, "Broken", "it broke");
    kube::Informer informer(loop, *world.client, kEvents, {.name_space = "default"});
    Json last;
    informer.start([&](const kube::ObjectName&, const kube::JsonPtr&, const kube::JsonPtr& after) {
        REQUIRE(after);
        last = *after;
        if (last["count"] == 2) {
            world.posix->stop(0);
        }
    });
    std::function<void()> again = [&] {
        if (events.written() == 1) {
            events.record(about, kube::EventSeverity::warning, "Broken", "it broke");
        } else if (events.written() == 0) {
            loop.run_after(5ms, [&] { again(); });
        }
    };
    again();
    world.run();
    REQUIRE(informer.size() == 1);
    REQUIRE(last["type"] == "Warning");
    REQUIRE(last["involvedObject"]["name"] == "a");
}
