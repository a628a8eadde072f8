#include "coordinator/tree/watches.h"
#include "coordinator_tree_world.h"

using namespace millrace;
using namespace millrace::coordinator::tree;

namespace {

constexpr WatcherId kA{1};
constexpr WatcherId kB{2};

std::vector<WatcherId> fire(Watches& watches, EventType type, std::string_view path) {
    std::vector<WatcherId> told;
    watches.fire(type, path, told);
    watches.invariants();
    return told;
}

using Told = std::vector<WatcherId>;

}  // namespace

TEST_CASE("a data watch fires once, on creation, change or deletion") {
    for (const EventType type : {EventType::created, EventType::data_changed, EventType::deleted}) {
        Watches watches;
        watches.add(kA, "/x", WatchKind::data);
        REQUIRE(fire(watches, EventType::children_changed, "/x").empty());
        REQUIRE(fire(watches, type, "/x") == Told{kA});
        REQUIRE(fire(watches, type, "/x").empty());
        REQUIRE(watches.empty());
    }
}

TEST_CASE("a child watch fires once, on children or deletion, not on data") {
    Watches watches;
    watches.add(kA, "/x", WatchKind::child);
    REQUIRE(fire(watches, EventType::data_changed, "/x").empty());
    REQUIRE(fire(watches, EventType::children_changed, "/x") == Told{kA});
    watches.add(kA, "/x", WatchKind::child);
    REQUIRE(fire(watches, EventType::deleted, "/x") == Told{kA});
    REQUIRE(watches.empty());
}

TEST_CASE("a deletion tells a watcher of data and children once (5.3)") {
    Watches watches;
    watches.add(kA, "/x", WatchKind::child);
    watches.add(kA, "/x", WatchKind::data);
    REQUIRE(fire(watches, EventType::deleted, "/x") == Told{kA});
    REQUIRE(watches.count() == 0);
}

TEST_CASE("a persistent watch fires on data and children of its node and stays") {
    Watches watches;
    watches.add(kA, "/x", WatchKind::persistent);
    for (int round = 0; round < 2; ++round) {
        REQUIRE(fire(watches, EventType::data_changed, "/x") == Told{kA});
        REQUIRE(fire(watches, EventType::children_changed, "/x") == Told{kA});
        REQUIRE(fire(watches, EventType::data_changed, "/x/y").empty());
    }
    REQUIRE(watches.count() == 2);
}

TEST_CASE("a persistent recursive watch sees the subtree but no childrenChanged") {
    Watches watches;
    watches.add(kA, "/x", WatchKind::persistent_recursive);
    REQUIRE(fire(watches, EventType::created, "/x/y/z") == Told{kA});
    REQUIRE(fire(watches, EventType::data_changed, "/x") == Told{kA});
    REQUIRE(fire(watches, EventType::deleted, "/x/y") == Told{kA});
    REQUIRE(fire(watches, EventType::children_changed, "/x").empty());
    REQUIRE(fire(watches, EventType::created, "/xy").empty());
}

TEST_CASE("a recursive watch on the root sees every path") {
    Watches watches;
    watches.add(kA, "/", WatchKind::persistent_recursive);
    REQUIRE(fire(watches, EventType::created, "/q") == Told{kA});
    REQUIRE(fire(watches, EventType::data_changed, "/") == Told{kA});
}

TEST_CASE("several modes of one watcher give a single event (5.3)") {
    Watches watches;
    watches.add(kA, "/x", WatchKind::data);
    watches.add(kA, "/x", WatchKind::persistent);
    watches.add(kA, "/", WatchKind::persistent_recursive);
    watches.add(kB, "/x", WatchKind::data);
    REQUIRE(fire(watches, EventType::data_changed, "/x") == Told{kA, kB});
    REQUIRE(fire(watches, EventType::data_changed, "/x") == Told{kA});
}

TEST_CASE("removal takes the named kind and answers whether there was one") {
    Watches watches;
    watches.add(kA, "/x", WatchKind::data);
    watches.add(kA, "/x", WatchKind::child);
    watches.add(kA, "/x", WatchKind::persistent);
    REQUIRE_FALSE(watches.remove(kA, "/x", WatchSelection::persistent_recursive));
    REQUIRE_FALSE(watches.remove(kB, "/x", WatchSelection::any));
    REQUIRE(watches.remove(kA, "/x", WatchSelection::data));
    REQUIRE_FALSE(watches.has(kA, "/x", WatchSelection::data));
    REQUIRE(watches.has(kA, "/x", WatchSelection::children));
    REQUIRE(watches.remove(kA, "/x", WatchSelection::any));
    REQUIRE(watches.empty());
    watches.invariants();
}

TEST_CASE("a connection that goes takes its watches with it") {
    Watches watches;
    watches.add(kA, "/x", WatchKind::data);
    watches.add(kA, "/y", WatchKind::persistent_recursive);
    watches.add(kB, "/x", WatchKind::data);
    watches.drop(kA);
    watches.invariants();
    REQUIRE(watches.watcher_count() == 1);
    REQUIRE(fire(watches, EventType::data_changed, "/x") == Told{kB});
}

TEST_CASE("setWatches reports what was missed and watches the rest (5.1)") {
    World world;
    for (const std::string_view path : {"/same", "/changed", "/kids", "/kids2"}) {
        world.create(path);
    }
    world.commit();
    const std::int64_t seen = world.tree.last_zxid();
    world.set("/changed", "x");
    world.create("/kids/new");
    world.create("/born");
    world.commit();
    const FormerWatches former{.seen_zxid = seen,
                               .data = {"/same", "/changed", "/gone"},
                               .exists = {"/born", "/unborn"},
                               .child = {"/kids", "/kids2", "/gone"},
                               .persistent = {"/p"},
                               .persistent_recursive = {"/r"}};
    Watches watches;
    std::vector<std::pair<EventType, std::string>> missed;
    for (const auto& event : watches.restore(kA, former, world.tree)) {
        missed.emplace_back(event.type, std::string(event.path));
    }
    REQUIRE(missed ==
            std::vector<std::pair<EventType, std::string>>{{EventType::data_changed, "/changed"},
                                                           {EventType::deleted, "/gone"},
                                                           {EventType::created, "/born"},
                                                           {EventType::children_changed, "/kids"},
                                                           {EventType::deleted, "/gone"}});
    REQUIRE(watches.by_path().size() == 5);
    REQUIRE(watches.has(kA, "/same", WatchSelection::data));
    REQUIRE(watches.has(kA, "/unborn", WatchSelection::data));
    REQUIRE(watches.has(kA, "/kids2", WatchSelection::children));
    REQUIRE(watches.has(kA, "/p", WatchSelection::persistent));
    REQUIRE(watches.has(kA, "/r", WatchSelection::persistent_recursive));
}
