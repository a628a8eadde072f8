// The store on a disk that forgets what was not synced.
#include <nlohmann/json.hpp>

#include "operator/local/object_files.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/silent_network.h"

using namespace millrace;
using namespace millrace::kube_operator::local;
using Json = nlohmann::json;

namespace {

ObjectKey key(const std::string& name) {
    return {"pods", "n", name};
}
Json object(const std::string& name) {
    return {{"metadata", {{"name", name}, {"namespace", "n"}, {"uid", name}}}};
}

// One run of the program over disks that survive it.
struct Run {
    explicit Run(testing::MemoryFileSystem& files)
        : pool(loop),
          runtime{loop, network, files, pool},
          disk(std::move(*ObjectFiles::open(runtime, "/dir"))) {
        REQUIRE(disk->load(store));
    }

    testing::ManualLoop loop;
    testing::ManualDiskPool pool;
    testing::SilentNetwork network;
    runtime::Runtime runtime;
    Store store;
    std::unique_ptr<ObjectFiles> disk;
};

}  // namespace

TEST_CASE("What was answered is there after a crash, and numbering goes on above it") {
    testing::MemoryFileSystem files;
    std::uint64_t last = 0;
    {
        Run run(files);
        REQUIRE(run.store.put(key("a"), object("a")));
        REQUIRE(run.store.put(key("b"), object("b")));
        run.store.erase(key("a"));
        bool durable = false;
        run.disk->when_durable(run.store.revision(),
                               [&](const Status& status) { durable = status.has_value(); });
        REQUIRE_FALSE(durable);
        run.pool.run_until_idle();
        REQUIRE(durable);
        last = run.store.revision();
    }
    files.crash();
    Run again(files);
    REQUIRE(again.store.size() == 1);
    REQUIRE(again.store.find(key("b")) != nullptr);
    REQUIRE(again.store.revision() >= last);
    REQUIRE_FALSE(again.store.changes_after(last - 1));
}

TEST_CASE("Changes of one object that wait together are written once, the last one wins") {
    testing::MemoryFileSystem files;
    {
        Run run(files);
        for (int i = 0; i < 50; ++i) {
            Json next = object("a");
            next["i"] = i;
            REQUIRE(run.store.put(key("a"), next));
        }
        run.pool.run_until_idle();
    }
    files.crash();
    Run again(files);
    REQUIRE(again.store.find(key("a"))->at("i") == 49);
}

TEST_CASE("More changes than one batch takes are all written before the answer") {
    testing::MemoryFileSystem files;
    {
        Run run(files);
        for (int i = 0; i < 600; ++i) {
            const std::string name = "p" + std::to_string(i);
            REQUIRE(run.store.put(key(name), object(name)));
        }
        bool durable = false;
        run.disk->when_durable(run.store.revision(), [&](const Status&) { durable = true; });
        run.pool.run_until_idle();
        REQUIRE(durable);
    }
    files.crash();
    REQUIRE(Run(files).store.size() == 600);
}

TEST_CASE("A file that is no object is set aside and does not stop the start") {
    testing::MemoryFileSystem files;
    REQUIRE(files.make_directories("/dir/objects/pods/n"));
    REQUIRE(files.replace_file("/dir/objects/pods/n/x.json", as_bytes("{half")));
    Run run(files);
    REQUIRE(run.disk->files_set_aside() == 1);
    REQUIRE(files.exists("/dir/objects/pods/n/x.json.bad"));
}

TEST_CASE("A second program on the same directory is refused") {
    testing::MemoryFileSystem files;
    Run run(files);
    REQUIRE(ObjectFiles::open(run.runtime, "/dir").error().code == Errc::busy);
}
