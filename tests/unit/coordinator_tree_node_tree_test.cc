#include "coordinator/tree/frozen_view.h"
#include "coordinator_tree_world.h"

using namespace millrace;
using namespace millrace::coordinator::tree;
using zk::ErrorCode;

namespace {

Bytes create_record(std::string_view path, std::int32_t parent_cversion, bool ephemeral = false) {
    wire::Writer out;
    write_text(out, path);
    write_buffer(out, as_bytes("x"));
    out.bytes(encoded_open_acl());
    out.boolean(ephemeral);
    out.int32(parent_cversion);
    return out.take();
}

Bytes path_record(std::string_view path) {
    wire::Writer out;
    write_text(out, path);
    return out.take();
}

TxnHeader header(TxnType type, std::int64_t zxid, std::int64_t session = 7) {
    return {.client_id = session, .cxid = 1, .zxid = zxid, .time = 1'000 + zxid, .type = type};
}

std::vector<std::pair<EventType, std::string>> events(const Outcome& outcome) {
    std::vector<std::pair<EventType, std::string>> result;
    for (const Trigger& trigger : outcome.triggers) {
        result.emplace_back(trigger.type, std::string(trigger.path));
    }
    return result;
}

using Events = std::vector<std::pair<EventType, std::string>>;

struct Shown {
    std::string path;
    std::string data;
    std::int64_t zxid;

    bool operator==(const Shown&) const = default;
};

std::vector<Shown> show(FrozenView& view, std::size_t slice) {
    std::vector<Shown> all;
    while (view.next(
        slice, [&all](std::string_view path, BytesView data, std::int64_t, const NodeStat& stat) {
            all.push_back({std::string(path), to_text(data), stat.mzxid});
        })) {
    }
    return all;
}

}  // namespace

TEST_CASE("a tree at birth has the digest of Java's (5.2)") {
    const NodeTree tree;
    REQUIRE(tree.digest() == 0x51c6d660);
    REQUIRE(tree.node_count() == 4);
    REQUIRE(tree.find("/zookeeper/config")->stat.aversion == -1);
    tree.invariants();
}

TEST_CASE("create keeps the books of node and parent (5.2)") {
    World world;
    REQUIRE(world.create("/a") == ErrorCode::ok);
    REQUIRE(world.create("/a/b") == ErrorCode::ok);
    const Outcome& outcome = world.commit();
    REQUIRE(outcome.result.path == "/a/b");
    const NodeStat& child = world.node("/a/b").stat;
    REQUIRE(child == NodeStat{.czxid = 2, .mzxid = 2, .ctime = 1'002, .mtime = 1'002, .pzxid = 2});
    const NodeStat& parent = world.node("/a").stat;
    REQUIRE((parent.cversion == 1 && parent.pzxid == 2 && parent.mzxid == 1));
    REQUIRE(events(outcome) ==
            Events{{EventType::created, "/a/b"}, {EventType::children_changed, "/a"}});
}

TEST_CASE("the wire's cversion counts creations and deletions (5.2)") {
    World world;
    world.create("/a");
    world.create("/a/b");
    world.create("/a/c");
    world.remove("/a/b");
    world.commit();
    wire::Writer out;
    world.node("/a").wire_stat(false).encode(out);
    const Bytes bytes = out.take();
    wire::Reader in(bytes);
    const auto stat = zk::Stat::decode(in);
    REQUIRE(stat.has_value());
    REQUIRE(stat->cversion == 3);
    REQUIRE(stat->num_children == 1);
    REQUIRE(stat->pzxid == 4);
    REQUIRE(bytes.size() == WireStat::kSize);
}

TEST_CASE("setData changes version, mzxid and mtime and nothing else") {
    World world;
    world.create("/a");
    world.set("/a", "longer than before");
    const Outcome& outcome = world.commit();
    const NodeStat& stat = world.node("/a").stat;
    REQUIRE(
        stat ==
        NodeStat{.czxid = 1, .mzxid = 2, .ctime = 1'001, .mtime = 1'002, .version = 1, .pzxid = 1});
    REQUIRE(outcome.result.stat.data_length == 18);
    REQUIRE(events(outcome) == Events{{EventType::data_changed, "/a"}});
}

TEST_CASE("setACL raises aversion and leaves mzxid alone") {
    World world;
    world.create("/a");
    world.set_acl("/a", acl_bytes(1, "world", "anyone"));
    world.commit();
    REQUIRE(world.node("/a").stat.aversion == 1);
    REQUIRE(world.node("/a").stat.mzxid == 1);
    REQUIRE(world.tree.acls().get(world.node("/a").acl).front().perms == 1);
}

TEST_CASE("an access list is dropped after the last node that has it") {
    World world;
    const std::size_t before = world.tree.acls().size();
    world.create("/a", 0, TxnType::create, acl_bytes(31, "ip", "127.0.0.1"));
    world.create("/b", 0, TxnType::create, acl_bytes(31, "ip", "127.0.0.1"));
    world.commit();
    REQUIRE(world.tree.acls().size() == before + 1);
    world.remove("/a");
    world.remove("/b");
    world.create("/c");
    world.commit();
    REQUIRE(world.tree.acls().size() == before);
}

TEST_CASE("delete fires on the node before its parent and raises pzxid") {
    World world;
    world.create("/a");
    world.create("/a/b");
    world.remove("/a/b");
    const Outcome& outcome = world.commit();
    REQUIRE(events(outcome) ==
            Events{{EventType::deleted, "/a/b"}, {EventType::children_changed, "/a"}});
    REQUIRE(world.node("/a").stat.pzxid == 3);
    REQUIRE(world.node("/a").stat.cversion == 1);
}

TEST_CASE("null data and empty data stay apart") {
    NodeTree tree;
    Outcome outcome;
    wire::Writer out;
    write_text(out, "/null");
    out.int32(-1);
    out.bytes(encoded_open_acl());
    out.boolean(false);
    out.int32(1);
    REQUIRE(tree.apply(header(TxnType::create, 1), out.view(), outcome).has_value());
    REQUIRE(tree.find("/null")->data().data() == nullptr);
    REQUIRE(tree.find("/zookeeper")->data().data() != nullptr);
}

TEST_CASE("closeSession removes the listed nodes and whatever else the session owns") {
    NodeTree tree;
    Outcome outcome;
    REQUIRE(tree.apply(header(TxnType::create, 1), create_record("/e1", 1, true), outcome));
    REQUIRE(tree.apply(header(TxnType::create, 2), create_record("/e2", 2, true), outcome));
    REQUIRE(tree.apply(header(TxnType::create, 3, 8), create_record("/e3", 3, true), outcome));
    wire::Writer out;
    out.int32(1);
    write_text(out, "/e1");
    REQUIRE(tree.apply(header(TxnType::close_session, 4), out.view(), outcome));
    REQUIRE(tree.find("/e1") == nullptr);
    REQUIRE(tree.find("/e2") == nullptr);
    REQUIRE(tree.find("/e3") != nullptr);
    REQUIRE(tree.ephemeral_count() == 1);
    REQUIRE(outcome.triggers.size() == 4);
    tree.invariants();
}

TEST_CASE("closeSession without a body, as before 3.6, removes everything the session owns") {
    NodeTree tree;
    Outcome outcome;
    REQUIRE(tree.apply(header(TxnType::create, 1), create_record("/e", 1, true), outcome));
    REQUIRE(tree.apply(header(TxnType::close_session, 2), {}, outcome));
    REQUIRE(tree.find("/e") == nullptr);
}

TEST_CASE("sessions come and go with their transactions") {
    NodeTree tree;
    Outcome outcome;
    wire::Writer out;
    out.int32(30'000);
    REQUIRE(tree.apply(header(TxnType::create_session, 1, 99), out.view(), outcome));
    REQUIRE(tree.sessions().at(99) == 30'000);
    REQUIRE(tree.apply(header(TxnType::close_session, 2, 99), {}, outcome));
    REQUIRE(tree.sessions().empty());
}

TEST_CASE("replaying a create that a fuzzy snapshot holds already raises the parent (4.4)") {
    NodeTree tree;
    Outcome outcome;
    REQUIRE(tree.apply(header(TxnType::create, 1), create_record("/a", 1), outcome));
    REQUIRE(tree.apply(header(TxnType::create, 5), create_record("/a", 4), outcome));
    REQUIRE(outcome.result.error == static_cast<std::int32_t>(ErrorCode::node_exists));
    REQUIRE(tree.find("/")->stat.cversion == 4);
    REQUIRE(tree.find("/")->stat.pzxid == 5);
    tree.invariants();
}

TEST_CASE("replaying an old create does not lower the parent's counters (4.4)") {
    NodeTree tree;
    Outcome outcome;
    REQUIRE(tree.apply(header(TxnType::create, 9), create_record("/a", 7), outcome));
    REQUIRE(tree.apply(header(TxnType::create, 3), create_record("/b", 2), outcome));
    REQUIRE(tree.find("/")->stat.cversion == 7);
    REQUIRE(tree.find("/")->stat.pzxid == 9);
}

TEST_CASE("replaying a delete of a node that is gone raises the parent's pzxid (4.4)") {
    NodeTree tree;
    Outcome outcome;
    REQUIRE(tree.apply(header(TxnType::remove, 6), path_record("/gone"), outcome));
    REQUIRE(outcome.result.error == static_cast<std::int32_t>(ErrorCode::no_node));
    REQUIRE(tree.find("/")->stat.pzxid == 6);
    REQUIRE(tree.last_zxid() == 6);
}

TEST_CASE("a create without parentCVersion, as before 3.4, counts one up") {
    NodeTree tree;
    Outcome outcome;
    Bytes record = create_record("/a", 0);
    record.resize(record.size() - 4);
    REQUIRE(tree.apply(header(TxnType::create, 1), record, outcome));
    REQUIRE(tree.find("/")->stat.cversion == 1);
}

TEST_CASE("a record that ends early is an error and not a crash") {
    const Bytes whole = create_record("/a", 1);
    for (std::size_t size = 0; size + 4 < whole.size(); ++size) {
        NodeTree tree;
        Outcome outcome;
        const BytesView part = BytesView(whole).first(size);
        REQUIRE_FALSE(tree.apply(header(TxnType::create, 1), part, outcome).has_value());
    }
}

TEST_CASE("an unknown transaction type is refused") {
    NodeTree tree;
    Outcome outcome;
    const Status status = tree.apply(header(static_cast<TxnType>(77), 1), {}, outcome);
    REQUIRE(status.error().code == Errc::unsupported);
}

TEST_CASE("the digest returns to its value when a change is taken back") {
    World world;
    world.create("/zookeeper/quota/x");
    world.commit();
    REQUIRE(world.tree.digest() == 0x51c6d660);  // below /zookeeper nothing counts
    world.create("/a");
    world.commit();
    const std::uint64_t with_node = world.tree.digest();
    world.set("/a", "changed");
    world.commit();
    REQUIRE(world.tree.digest() != with_node);
}

TEST_CASE("thousands of children stay ordered and are found") {
    World world;
    world.create("/many");
    for (int i = 0; i < 3'000; ++i) {
        world.create(fmt::format("/many/{:05}", (i * 7'919) % 10'007));
    }
    world.commit();
    std::vector<std::string> names;
    world.node("/many").children()->for_each(
        [&names](const Node& child) { names.emplace_back(child.name()); });
    REQUIRE(names.size() == 3'000);
    REQUIRE(std::ranges::is_sorted(names));
    for (std::size_t i = 0; i < names.size(); i += 2) {
        world.remove("/many/" + names[i]);
    }
    world.commit();
    REQUIRE(world.node("/many").child_count() == 1'500);
    REQUIRE(world.node("/many").children()->after(names[2], true)->name() == names[3]);
}

TEST_CASE("a frozen view shows the tree as it stood, parents first") {
    World world;
    for (const std::string_view path : {"/a", "/a/b", "/a-b", "/a/b/c", "/d"}) {
        world.create(path);
    }
    world.commit();
    FrozenView view(world.tree);
    REQUIRE(view.zxid() == 5);
    std::vector<std::string> paths;
    for (const Shown& shown : show(view, 1)) {
        paths.push_back(shown.path);
    }
    REQUIRE(paths == std::vector<std::string>{"", "/a", "/a/b", "/a/b/c", "/a-b", "/d",
                                              "/zookeeper", "/zookeeper/config",
                                              "/zookeeper/quota"});
}

TEST_CASE("a frozen view does not see changes, whenever they come") {
    // The tree changes after each possible number of slices; the view must always show the same.
    std::vector<Shown> wanted;
    for (std::size_t slices = 0; slices < 12; ++slices) {
        World world;
        for (const std::string_view path : {"/a", "/a/b", "/c", "/c/d", "/e"}) {
            world.create(path);
        }
        world.commit();
        FrozenView view(world.tree);
        const std::uint64_t digest = world.tree.digest();
        std::vector<Shown> shown;
        const auto visit = [&shown](std::string_view path, BytesView data, std::int64_t,
                                    const NodeStat& stat) {
            shown.push_back({std::string(path), to_text(data), stat.mzxid});
        };
        bool more = true;
        for (std::size_t i = 0; i < slices && more; ++i) {
            more = view.next(1, visit);
        }
        world.set("/a", "changed");
        world.remove("/a/b");
        world.create("/a/b");
        world.create("/a/new");
        world.create("/a/new/below");
        world.remove("/c/d");
        world.remove("/c");
        world.create("/f");
        world.set_acl("/e", acl_bytes(1, "ip", "10.0.0.1"));
        world.commit();
        while (more) {
            more = view.next(1, visit);
        }
        REQUIRE(view.digest() == digest);
        REQUIRE(shown.size() == view.node_count());
        if (slices == 0) {
            wanted = shown;
        }
        REQUIRE(shown == wanted);
    }
}

TEST_CASE("a tree loaded from a frozen view equals the one it was taken from") {
    World world({.access = {}, .extended_types = true});
    world.create("/a", 0, TxnType::create, acl_bytes(31, "ip", "127.0.0.0/8"));
    world.create("/a/e", 1);
    world.create("/ttl", 5, TxnType::create_ttl);
    world.create("/container", 4, TxnType::create_container);
    world.commit();
    FrozenView view(world.tree);
    NodeTree copy;
    copy.set_extended_types(true);
    copy.load_begin();
    for (const auto& [id, encoded] : view.acls()) {
        REQUIRE(copy.load_acl(id, encoded).has_value());
    }
    while (view.next(100, [&copy](std::string_view path, BytesView data, std::int64_t acl,
                                  const NodeStat& stat) {
        REQUIRE(copy.load_node(path, data, acl, stat).has_value());
    })) {
    }
    copy.load_finish(view.zxid());
    copy.invariants();
    REQUIRE(copy.digest() == world.tree.digest());
    REQUIRE(copy.node_count() == world.tree.node_count());
    REQUIRE(copy.ephemeral_count() == 1);
    REQUIRE(copy.containers().size() == 1);
    REQUIRE(copy.ttl_nodes().size() == 1);
    REQUIRE(copy.acls().size() == world.tree.acls().size());
}

TEST_CASE("loading refuses a node without its parent, twice, or with an unknown list") {
    NodeTree tree;
    tree.load_begin();
    REQUIRE(tree.load_node("", {}, -1, {}).has_value());
    REQUIRE_FALSE(tree.load_node("/a/b", {}, -1, {}).has_value());
    NodeStat of_session;
    of_session.ephemeral_owner = 77;
    REQUIRE_FALSE(tree.load_node("/zookeeper", {}, -1, of_session).has_value());
    REQUIRE(tree.load_node("/e", {}, -1, of_session).has_value());
    REQUIRE(tree.load_node("/e/b", {}, -1, {}).error().message.find("extendedTypesEnabled") !=
            std::string::npos);
    REQUIRE(tree.load_node("/a", {}, -1, {}).has_value());
    REQUIRE_FALSE(tree.load_node("/a", {}, -1, {}).has_value());
    REQUIRE(tree.load_node("/b", {}, 5, {}).error().code == Errc::not_found);
}
