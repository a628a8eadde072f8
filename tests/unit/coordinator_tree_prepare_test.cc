#include "coordinator_tree_world.h"
#include "lib/zk/acl.h"

using namespace millrace;
using namespace millrace::coordinator::tree;
using zk::ErrorCode;

namespace {

constexpr std::int32_t kEphemeral = 1;
constexpr std::int32_t kSequential = 2;

const Bytes kReadOnly = acl_bytes(1, "world", "anyone");

std::vector<std::int32_t> errors(const Outcome& outcome) {
    std::vector<std::int32_t> result;
    for (const OpResult& part : outcome.multi) {
        result.push_back(part.error);
    }
    return result;
}

std::int32_t code(ErrorCode error) {
    return static_cast<std::int32_t>(error);
}

}  // namespace

TEST_CASE("requests are checked against changes that are not applied yet") {
    World world;
    REQUIRE(world.create("/a") == ErrorCode::ok);
    REQUIRE(world.create("/a") == ErrorCode::node_exists);
    REQUIRE(world.create("/a/b") == ErrorCode::ok);
    REQUIRE(world.remove("/a") == ErrorCode::not_empty);
    REQUIRE(world.remove("/a/b") == ErrorCode::ok);
    REQUIRE(world.remove("/a/b") == ErrorCode::no_node);
    REQUIRE(world.remove("/a") == ErrorCode::ok);
    REQUIRE(world.create("/a/c") == ErrorCode::no_node);
    REQUIRE(world.tree.find("/a") == nullptr);
    world.commit();
    REQUIRE(world.tree.find("/a") == nullptr);
    REQUIRE(world.prepare.pending_changes() == 0);
}

TEST_CASE("versions are checked against pending versions; -1 takes any") {
    World world;
    world.create("/a");
    REQUIRE(world.set("/a", "1", 0) == ErrorCode::ok);
    REQUIRE(world.set("/a", "2", 0) == ErrorCode::bad_version);
    REQUIRE(world.set("/a", "2", 1) == ErrorCode::ok);
    REQUIRE(world.set("/a", "3", -1) == ErrorCode::ok);
    REQUIRE(world.remove("/a", 0) == ErrorCode::bad_version);
    world.commit();
    REQUIRE(world.node("/a").stat.version == 3);
}

TEST_CASE("a refused write consumes a zxid and becomes an ErrorTxn (2.6)") {
    World world;
    REQUIRE(world.set("/absent", "x") == ErrorCode::no_node);
    const Outcome& outcome = world.commit();
    REQUIRE(world.last.header.type == TxnType::error);
    REQUIRE(outcome.result.error == code(ErrorCode::no_node));
    REQUIRE(world.tree.last_zxid() == 1);
}

TEST_CASE("creations are validated in ZooKeeper's order (2.6)") {
    World world;
    world.create("/locked", 0, TxnType::create, kReadOnly);
    world.create("/eph", kEphemeral);
    SECTION("flags that name no mode") {
        REQUIRE(world.create("/x", 9) == ErrorCode::bad_arguments);
    }
    SECTION("no slash") {
        REQUIRE(world.create("x") == ErrorCode::bad_arguments);
    }
    SECTION("a relative path with a slash has no parent") {
        REQUIRE(world.create("a/b") == ErrorCode::no_node);
    }
    SECTION("the parent is looked up before the path is judged") {
        REQUIRE(world.create("/a//b") == ErrorCode::no_node);
    }
    SECTION("an empty list comes before a missing parent") {
        REQUIRE(world.create("/no/x", 0, TxnType::create, encode_acl({})) ==
                ErrorCode::invalid_acl);
    }
    SECTION("a null list is an empty one") {
        wire::Writer null;
        null.int32(-1);
        REQUIRE(world.create("/x", 0, TxnType::create, null.take()) == ErrorCode::invalid_acl);
    }
    SECTION("permission on the parent comes before the path's form") {
        REQUIRE(world.create("/locked/.") == ErrorCode::no_auth);
    }
    SECTION("a bad name") {
        REQUIRE(world.create("/..") == ErrorCode::bad_arguments);
    }
    SECTION("a trailing slash") {
        REQUIRE(world.create("/locked/") == ErrorCode::no_auth);
    }
    SECTION("an existing node comes before an ephemeral parent") {
        REQUIRE(world.create("/eph") == ErrorCode::node_exists);
    }
    SECTION("ephemeral nodes have no children") {
        REQUIRE(world.create("/eph/x") == ErrorCode::no_children_for_ephemerals);
    }
    SECTION("the root exists") {
        REQUIRE(world.create("/") == ErrorCode::node_exists);
    }
    SECTION("TTL nodes need extendedTypesEnabled") {
        REQUIRE(world.create("/ttl", 5, TxnType::create_ttl) == ErrorCode::unimplemented);
    }
    world.commit();
}

TEST_CASE("TTLs are checked where extended types are on") {
    World world({.access = {}, .extended_types = true});
    REQUIRE(world.create("/ttl", 5, TxnType::create_ttl) == ErrorCode::ok);
    REQUIRE(world.propose(TxnType::create_ttl, World::create_body("/zero", 5, TxnType::create_ttl,
                                                                  encoded_open_acl(), 0)) ==
            ErrorCode::bad_arguments);
    REQUIRE(world.propose(TxnType::create_ttl,
                          World::create_body("/long", 5, TxnType::create_ttl, encoded_open_acl(),
                                             kTtlMax + 1)) == ErrorCode::bad_arguments);
    world.commit();
    REQUIRE(owner_kind(world.node("/ttl").stat.ephemeral_owner, true) == OwnerKind::ttl);
    REQUIRE(world.node("/ttl").wire_stat(true).shown_owner == 0);
}

TEST_CASE("sequence numbers come from the parent's count of creations, pending ones included") {
    World world;
    world.create("/p");
    world.create("/p/a-", kSequential);
    world.create("/p/x");
    world.remove("/p/x");
    world.create("/p/a-", kSequential);
    world.create("/p/", kSequential);
    world.commit();
    REQUIRE(world.tree.find("/p/a-0000000000") != nullptr);
    REQUIRE(world.tree.find("/p/a-0000000002") != nullptr);
    REQUIRE(world.tree.find("/p/0000000003") != nullptr);
}

TEST_CASE("a sequence number beyond 2^31 turns negative, as in Java (5.2)") {
    World world;
    world.tree.load_begin();
    REQUIRE(world.tree.load_node("", {}, -1, {.cversion = INT32_MAX}).has_value());
    world.tree.load_finish(0);
    REQUIRE(world.create("/s", kSequential) == ErrorCode::ok);
    REQUIRE(world.create("/s", kSequential) == ErrorCode::ok);
    REQUIRE(as_text(world.proposals[0].record).find("/s2147483647") != std::string_view::npos);
    REQUIRE(as_text(world.proposals[1].record).find("/s-2147483648") != std::string_view::npos);
    world.commit();
}

TEST_CASE("the nodes of the server cannot be deleted (5.2)") {
    World world;
    for (const std::string_view path :
         {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}) {
        REQUIRE(world.remove(path) == ErrorCode::bad_arguments);
    }
    world.commit();
}

TEST_CASE("DELETE is asked of the parent, WRITE and ADMIN of the node") {
    World world;
    world.create("/p", 0, TxnType::create, acl_bytes(1 | 4, "world", "anyone"));
    world.create("/p/c");
    world.create("/p/r", 0, TxnType::create, kReadOnly);
    REQUIRE(world.remove("/p/c") == ErrorCode::no_auth);
    REQUIRE(world.set("/p/r", "x") == ErrorCode::no_auth);
    REQUIRE(world.set_acl("/p/r", encoded_open_acl()) == ErrorCode::no_auth);
    REQUIRE(world.set("/p/c", "x") == ErrorCode::ok);
    world.commit();
}

TEST_CASE("a pending setACL decides about the requests behind it") {
    World world;
    world.create("/a");
    world.commit();
    REQUIRE(world.set_acl("/a", kReadOnly) == ErrorCode::ok);
    REQUIRE(world.set("/a", "x") == ErrorCode::no_auth);
    REQUIRE(world.create("/a/b") == ErrorCode::no_auth);
    world.commit();
    REQUIRE(world.set("/a", "x") == ErrorCode::no_auth);
    world.commit();
}

TEST_CASE("auth in a list stands for the user's own identities") {
    World world;
    const Bytes auth = acl_bytes(31, "auth", "");
    REQUIRE(world.create("/none", 0, TxnType::create, auth) == ErrorCode::invalid_acl);
    world.who.identities.push_back({"digest", "u:h"});
    REQUIRE(world.create("/mine", 0, TxnType::create, auth) == ErrorCode::ok);
    world.commit();
    REQUIRE(world.tree.acls().get(world.node("/mine").acl) == AclList{{31, "digest", "u:h"}});
}

TEST_CASE("the super user may do everything, and so may everyone with skipACL") {
    World world;
    world.create("/a", 0, TxnType::create, kReadOnly);
    world.who.identities.push_back({"super", ""});
    REQUIRE(world.set("/a", "x") == ErrorCode::ok);
    world.commit();
    World open({.access = {.skip_acl = true}});
    open.create("/a", 0, TxnType::create, kReadOnly);
    REQUIRE(open.set("/a", "x") == ErrorCode::ok);
    open.commit();
}

TEST_CASE("a multi is applied as one, with one result for each operation") {
    World world;
    REQUIRE(world.multi({{TxnType::create, World::create_body("/a")},
                         {TxnType::create2, World::create_body("/a/b")},
                         {TxnType::set_data, World::set_body("/a", "new", 0)},
                         {TxnType::check, World::path_version("/a", 1)},
                         {TxnType::remove, World::path_version("/a/b", -1)}}) == ErrorCode::ok);
    const Outcome& outcome = world.commit();
    REQUIRE(errors(outcome) == std::vector<std::int32_t>{0, 0, 0, 0, 0});
    REQUIRE(outcome.multi[2].stat.stat.version == 1);
    REQUIRE(world.tree.find("/a/b") == nullptr);
    REQUIRE(world.tree.last_zxid() == 1);
}

TEST_CASE("a failed multi changes nothing and says which operation failed (2.4)") {
    World world;
    world.create("/kept");
    REQUIRE(world.multi({{TxnType::create, World::create_body("/a")},
                         {TxnType::check, World::path_version("/kept", 9)},
                         {TxnType::remove, World::path_version("/kept", -1)}}) ==
            ErrorCode::bad_version);
    // What it laid over the tree is gone before the next request is prepared.
    REQUIRE(world.create("/a") == ErrorCode::ok);
    world.commit();
    REQUIRE(world.tree.find("/kept") != nullptr);
    World again;
    again.multi({{TxnType::create, World::create_body("/a")},
                 {TxnType::check, World::path_version("/none", 9)},
                 {TxnType::remove, World::path_version("/kept", -1)}});
    REQUIRE(errors(again.commit()) ==
            std::vector<std::int32_t>{0, code(ErrorCode::no_node),
                                      code(ErrorCode::runtime_inconsistency)});
}

TEST_CASE("a failed multi gives back the counters of parents with other pending changes") {
    World world;
    world.create("/p");
    world.create("/p/a");
    world.multi({{TxnType::create, World::create_body("/p/b")},
                 {TxnType::remove, World::path_version("/p/a", -1)},
                 {TxnType::remove, World::path_version("/none", -1)}});
    REQUIRE(world.remove("/p") == ErrorCode::not_empty);
    REQUIRE(world.create("/p/s", kSequential) == ErrorCode::ok);
    world.commit();
    REQUIRE(world.tree.find("/p/s0000000001") != nullptr);
}

TEST_CASE("an empty multi is a transaction with no operation (3.6)") {
    World world;
    REQUIRE(world.multi({}) == ErrorCode::ok);
    REQUIRE(world.commit().multi.empty());
    REQUIRE(world.tree.last_zxid() == 1);
}

TEST_CASE("bodies that end early or hold what a multi may not are marshalling errors") {
    World world;
    Bytes body = World::create_body("/a");
    body.pop_back();
    REQUIRE(world.propose(TxnType::create, body) == ErrorCode::marshalling_error);
    REQUIRE(world.multi({{TxnType::set_acl, Bytes(40)}}) == ErrorCode::marshalling_error);
    REQUIRE(world.multi({{TxnType::multi, Bytes(40)}}) == ErrorCode::marshalling_error);
    REQUIRE(world.multi({{TxnType::create, World::create_body("/a", 9)}}) ==
            ErrorCode::marshalling_error);
    world.commit();
}

TEST_CASE("closeSession lists applied and pending ephemerals without pending deletions") {
    World world;
    world.create("/old", kEphemeral);
    world.create("/gone", kEphemeral);
    world.commit();
    world.create("/pending", kEphemeral);
    world.remove("/gone");
    world.create("/gone");
    const Prepared closing = world.prepare.close_session(world.asking());
    wire::Reader in(closing.record);
    const auto txn = zk::CloseSessionTxn::decode(in);
    REQUIRE(txn->paths_to_delete == std::vector<std::string>{"/old", "/pending"});
    world.hold(closing);
    REQUIRE(world.create("/old") == ErrorCode::ok);
    world.commit();
    REQUIRE(world.node("/old").stat.ephemeral_owner == 0);
    REQUIRE(world.node("/gone").stat.ephemeral_owner == 0);
    REQUIRE(world.tree.ephemeral_count() == 0);
}

TEST_CASE("a container goes only while it has no children, pending ones included") {
    World world;
    world.create("/c", 4, TxnType::create_container);
    world.create("/c/x");
    REQUIRE(world.prepare.remove_container(world.asking(), "/c").error == ErrorCode::not_empty);
    world.zxid = 3;
    world.proposals.push_back(world.prepare.refuse(world.asking(), ErrorCode::no_auth));
    world.remove("/c/x");
    world.commit();
    world.hold(world.prepare.remove_container(world.asking(), "/c"));
    world.commit();
    REQUIRE(world.tree.find("/c") == nullptr);
}

TEST_CASE("versions wrap through -1 as in 3.9 (5.2)") {
    World world;
    world.tree.load_begin();
    REQUIRE(world.tree.load_node("", {}, -1, {}).has_value());
    REQUIRE(world.tree.load_node("/a", {}, -1, {.version = -2}).has_value());
    world.tree.load_finish(0);
    world.set("/a", "x");
    world.commit();
    REQUIRE(world.node("/a").stat.version == -1);
}
