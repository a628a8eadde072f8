#include "coordinator_server_fixture.h"

using namespace millrace;
using namespace millrace::coordinator;
using namespace millrace::coordinator::server;
using zk::ErrorCode;
using zk::OpCode;

namespace {

std::int32_t code(ErrorCode error) {
    return static_cast<std::int32_t>(error);
}

zk::WatcherEvent event_of(const Reply& reply) {
    wire::Reader in(reply.body);
    const auto event = zk::WatcherEvent::decode(in);
    REQUIRE(event.has_value());
    return *event;
}

std::string data_of(const Reply& reply) {
    wire::Reader in(reply.body);
    const auto response = zk::GetDataResponse::decode(in);
    REQUIRE(response.has_value());
    return to_text(*response->data);
}

}  // namespace

TEST_CASE("a new session is answered once its transaction is durable") {
    ServerWorld world;
    TestClient client = world.open();
    client.connect();
    world.run_loop();
    REQUIRE_FALSE(client.connected().has_value());
    world.run();
    const auto response = client.connected();
    REQUIRE(response->response.time_out == 10'000);
    REQUIRE(response->response.session_id != 0);
    REQUIRE(response->read_only == false);
    REQUIRE(world.node->nodes().sessions().size() == 1);
}

TEST_CASE("a client that has seen more than the server is sent away without an answer (2.2)") {
    ServerWorld world;
    TestClient client = world.open();
    client.connect(0, Bytes(16), 1'000);
    world.run();
    REQUIRE(client.closed());
    REQUIRE(client.text().empty());
}

TEST_CASE("a wrong password and an unknown session get an answer of zeros (2.2)") {
    ServerWorld world;
    TestClient owner = world.client();
    TestClient thief = world.open();
    thief.connect(owner.session, Bytes(16, std::byte{1}));
    TestClient lost = world.open();
    lost.connect(12'345);
    world.run();
    for (TestClient* client : {&thief, &lost}) {
        const auto response = client->connected();
        REQUIRE(response->response.session_id == 0);
        REQUIRE(response->response.time_out == 0);
        REQUIRE(client->closed());
    }
    REQUIRE_FALSE(owner.closed());
}

TEST_CASE("a session taken up elsewhere closes its former connection") {
    ServerWorld world;
    TestClient client = world.client();
    TestClient again = world.open();
    again.connect(client.session, client.password);
    world.run();
    REQUIRE(again.connected()->response.session_id == client.session);
    REQUIRE(client.closed());
}

TEST_CASE("a session taken up again sees what it wrote before, durable or not yet") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/a");
    TestClient again = world.open();
    again.connect(client.session, client.password);
    again.exists("/a");
    world.run_loop();
    REQUIRE_FALSE(again.connected().has_value());
    world.run();
    REQUIRE(again.connected().has_value());
    REQUIRE(again.must().error == 0);
}

TEST_CASE("nobody sees a write before it is durable, and its session waits for it") {
    ServerWorld world;
    TestClient writer = world.client();
    TestClient reader = world.client();
    const std::int32_t write = writer.create("/a");
    const std::int32_t read = writer.exists("/a");
    reader.exists("/a");
    world.run_loop();
    REQUIRE(reader.must().error == code(ErrorCode::no_node));
    REQUIRE_FALSE(writer.next().has_value());
    world.run();
    REQUIRE(writer.must().xid == write);
    const Reply found = writer.must();
    REQUIRE((found.xid == read && found.error == 0));
}

TEST_CASE("a read between two writes sees the first and not the second (5.1)") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/a");
    client.set("/a", "one");
    client.get("/a");
    client.set("/a", "two");
    client.get("/a");
    world.run();
    REQUIRE(client.must().error == 0);
    REQUIRE(client.must().error == 0);
    REQUIRE(data_of(client.must()) == "one");
    REQUIRE(client.must().error == 0);
    REQUIRE(data_of(client.must()) == "two");
}

TEST_CASE("sync waits for the writes of others that came before it") {
    ServerWorld world;
    TestClient writer = world.client();
    TestClient reader = world.client();
    writer.create("/a");
    reader.ask(OpCode::sync, zk::SyncRequest{.path = "/"});
    reader.exists("/a");
    world.run_loop();
    REQUIRE_FALSE(reader.next().has_value());
    world.run();
    REQUIRE(reader.must().error == 0);
    REQUIRE(reader.must().error == 0);
}

TEST_CASE("the event of a write stands before its answer on the same connection (2.3)") {
    ServerWorld world;
    TestClient client = world.client();
    client.exists("/a", true);
    client.create("/a");
    world.run();
    REQUIRE(client.must().error == code(ErrorCode::no_node));
    const Reply event = client.must();
    REQUIRE(event.xid == -1);
    REQUIRE(event_of(event).type == 1);
    REQUIRE(event_of(event).state == 3);
    const Reply created = client.must();
    REQUIRE(event.zxid == created.zxid);
}

TEST_CASE("an event is withheld from those who may not read the node (5.3)") {
    ServerWorld world;
    TestClient owner = world.client();
    TestClient other = world.client();
    other.exists("/secret", true);
    owner.ask(OpCode::create, zk::CreateRequest{.path = "/secret",
                                                .data = to_bytes(""),
                                                .acl = {{.perms = 31, .id = {"ip", "10.0.0.1"}}},
                                                .flags = 0});
    world.run();
    REQUIRE(other.must().error == code(ErrorCode::no_node));
    REQUIRE_FALSE(other.next().has_value());
}

TEST_CASE("exists hides what the client may not read, and watches nothing then (3.9.5)") {
    ServerWorld world;
    TestClient owner = world.client();
    TestClient other = world.client();
    owner.ask(OpCode::create, zk::CreateRequest{.path = "/secret",
                                                .data = to_bytes(""),
                                                .acl = {{.perms = 31, .id = {"ip", "10.0.0.1"}}},
                                                .flags = 0});
    world.run();
    other.exists("/secret", true);
    other.ask(OpCode::check_watches, zk::CheckWatchesRequest{.path = "/secret", .type = 2});
    other.exists("/secret/absent", true);
    world.run();
    REQUIRE(other.must().error == code(ErrorCode::no_auth));
    REQUIRE(other.must().error == code(ErrorCode::no_watcher));
    REQUIRE(other.must().error == code(ErrorCode::no_node));
}

TEST_CASE("a failed write answers with the zxid it consumed (2.6)") {
    ServerWorld world;
    TestClient client = world.client();
    client.set("/none", "x");
    client.create("/a");
    world.run();
    const Reply failed = client.must();
    REQUIRE(failed.error == code(ErrorCode::no_node));
    REQUIRE(failed.body.empty());
    REQUIRE(client.must().zxid == failed.zxid + 1);
}

TEST_CASE("an unknown opcode answers unimplemented with zxid -1 and closes (2.6)") {
    for (const std::int32_t op : {999, 13, 20, -10}) {
        ServerWorld world;
        TestClient client = world.client();
        client.ask_bare(5, op);
        world.run();
        const Reply reply = client.must();
        REQUIRE(reply.xid == 5);
        REQUIRE(reply.zxid == -1);
        REQUIRE(reply.error == code(ErrorCode::unimplemented));
        REQUIRE(client.closed());
    }
}

TEST_CASE("a body that ends early is a marshalling error and the connection lives (2.6)") {
    ServerWorld world;
    TestClient client = world.client();
    for (const OpCode op : {OpCode::get_data, OpCode::create, OpCode::multi}) {
        client.ask_bare(9, static_cast<std::int32_t>(op));
        world.run();
        REQUIRE(client.must().error == code(ErrorCode::marshalling_error));
    }
    REQUIRE_FALSE(client.closed());
}

TEST_CASE("reconfig is disabled, SASL unimplemented") {
    ServerWorld world;
    TestClient client = world.client();
    client.ask(OpCode::reconfig, zk::ReconfigRequest{});
    client.ask(OpCode::sasl, zk::GetSaslRequest{});
    world.run();
    REQUIRE(client.must().error == code(ErrorCode::reconfig_disabled));
    REQUIRE(client.must().error == code(ErrorCode::unimplemented));
    REQUIRE_FALSE(client.closed());
}

TEST_CASE("a frame above jute.maxbuffer, or of negative length, closes (2.1)") {
    for (const std::int32_t length : {0x100000, -1}) {
        ServerWorld world;
        TestClient client = world.client();
        wire::Writer out;
        out.int32(length);
        client.send_raw(out.view());
        world.run();
        REQUIRE(client.closed());
    }
}

TEST_CASE("frames may arrive in pieces of any size") {
    ServerWorld world;
    TestClient client = world.client();
    wire::Writer out;
    out.int32(8);
    out.int32(-2);
    out.int32(11);
    const Bytes ping = out.take();
    for (const std::byte byte : ping) {
        client.send_raw({&byte, 1});
    }
    world.run();
    const Reply reply = client.must();
    REQUIRE(reply.xid == -2);
    REQUIRE(reply.zxid == world.node->nodes().last_zxid());
}

TEST_CASE("closeSession answers, removes the ephemeral nodes and closes (2.4)") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/e", 1);
    client.ask_bare(7, -11);
    world.run();
    REQUIRE(client.must().error == 0);
    const Reply closing = client.must();
    REQUIRE((closing.xid == 7 && closing.error == 0 && closing.body.empty()));
    REQUIRE(client.closed());
    REQUIRE(world.node->nodes().find("/e") == nullptr);
    REQUIRE(world.node->sessions().size() == 0);
}

TEST_CASE("a silent session expires with its nodes; pings keep it") {
    ServerWorld world;
    TestClient silent = world.client();
    TestClient alive = world.client();
    silent.create("/silent", 1);
    alive.create("/alive", 1);
    world.run();
    for (int second = 0; second < 16; ++second) {
        alive.ask_bare(-2, 11);
        world.loop.advance(1s);
        world.run();
    }
    REQUIRE(silent.closed());
    REQUIRE(world.node->nodes().find("/silent") == nullptr);
    REQUIRE(world.node->nodes().find("/alive") != nullptr);
    REQUIRE(world.node->statistics().sessions_expired == 1);
}

TEST_CASE("a session outlives its connection until its timeout") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/e", 1);
    world.run();
    client.hang_up();
    world.loop.advance(8s);
    world.run();
    TestClient again = world.open();
    again.connect(client.session, client.password);
    world.run();
    REQUIRE(again.connected()->response.session_id == client.session);
    REQUIRE(world.node->nodes().find("/e") != nullptr);
}

TEST_CASE("a connection that opens no session is closed after ten seconds") {
    ServerWorld world;
    TestClient client = world.open();
    world.loop.advance(20s);
    world.run();
    REQUIRE(client.closed());
}

TEST_CASE("nio.sessionlessCnxnTimeout below a tick closes within twice of itself") {
    ServerOptions options;
    options.sessionless_max = 1s;
    ServerWorld world(options);
    TestClient client = world.client();
    TestClient silent = world.open();
    world.loop.advance(900ms);
    world.run();
    REQUIRE_FALSE(silent.closed());
    world.loop.advance(1100ms);
    world.run();
    REQUIRE(silent.closed());
    REQUIRE_FALSE(client.closed());
    REQUIRE(world.node->statistics().sessionless_expired == 1);
}

TEST_CASE("what was acknowledged is there after a power failure, with its session") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/a");
    client.create("/e", 1);
    world.run();
    REQUIRE(client.must().error == 0);
    client.create("/unacknowledged");
    world.run_loop();
    const std::uint64_t digest = world.node->nodes().digest();
    world.crash();
    REQUIRE(world.node->nodes().digest() == digest);
    REQUIRE(world.node->nodes().find("/unacknowledged") == nullptr);
    TestClient again = world.open();
    again.connect(client.session, client.password);
    world.run();
    REQUIRE(again.connected()->response.session_id == client.session);
    REQUIRE(world.node->nodes().find("/e")->stat.ephemeral_owner == client.session);
}

TEST_CASE("sessions that a restart found expire after their whole timeout") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/e", 1);
    world.run();
    world.loop.advance(9s);
    world.crash();
    world.loop.advance(9s);
    world.run();
    REQUIRE(world.node->nodes().find("/e") != nullptr);
    world.loop.advance(6s);
    world.run();
    REQUIRE(world.node->nodes().find("/e") == nullptr);
}

TEST_CASE("an error of the log answers nothing and stops the server") {
    ServerWorld world;
    TestClient client = world.client();
    world.files.set_fault([](std::string_view operation, const std::string&) {
        return operation == "sync" ? std::optional(Error{Errc::io_error, "broken"}) : std::nullopt;
    });
    client.create("/a");
    world.disk.run_until_idle();
    REQUIRE(world.failure->code == Errc::io_error);
    REQUIRE_FALSE(client.next().has_value());
    REQUIRE(world.node->nodes().find("/a") == nullptr);
}

TEST_CASE("snapshots are written at the threshold and recovery starts from them") {
    ServerOptions options;
    options.snap_count = 20;
    ServerWorld world(options);
    TestClient client = world.client();
    for (int i = 0; i < 100; ++i) {
        client.create(fmt::format("/n{}", i));
        world.run();
    }
    REQUIRE(world.node->statistics().snapshots >= 4);
    const std::uint64_t digest = world.node->nodes().digest();
    world.crash();
    REQUIRE(world.node->nodes().digest() == digest);
    REQUIRE(world.node->statistics().digest_mismatches == 0);
}

TEST_CASE("too many requests under way stop the reading till they are done") {
    ServerOptions options;
    options.outstanding_max = 10;
    ServerWorld world(options);
    TestClient client = world.client();
    for (int i = 0; i < 12; ++i) {
        client.create(fmt::format("/n{}", i));
    }
    REQUIRE(client.paused());
    world.run();
    REQUIRE_FALSE(client.paused());
}

TEST_CASE("an address may open maxClientCnxns connections, all together maxCnxns") {
    ServerOptions options;
    options.connections_per_ip_max = 2;
    options.connections_max = 3;
    ServerWorld world(options);
    const TestClient first = world.open("10.0.0.1");
    TestClient second = world.open("10.0.0.1");
    REQUIRE(world.open("10.0.0.1").closed());
    const TestClient third = world.open("10.0.0.2");
    REQUIRE(world.open("10.0.0.3").closed());
    second.hang_up();
    const TestClient fourth = world.open("10.0.0.1");
    REQUIRE_FALSE(fourth.closed());
    REQUIRE_FALSE(third.closed());
    REQUIRE(world.node->statistics().connections_rejected == 2);
}

TEST_CASE("failed authentication answers auth_failed with zxid 0 and closes (2.3)") {
    ServerWorld world;
    TestClient client = world.client();
    client.ask(OpCode::auth,
               zk::AuthPacket{.type = 0, .scheme = "digest", .auth = to_bytes("u:p")});
    client.ask(OpCode::auth, zk::AuthPacket{.type = 0, .scheme = "none", .auth = to_bytes("x")});
    world.run();
    REQUIRE(client.must().error == 0);
    const Reply failed = client.must();
    REQUIRE(failed.error == code(ErrorCode::auth_failed));
    REQUIRE(failed.zxid == 0);
    REQUIRE(client.closed());
}

TEST_CASE("setWatches sends what was missed before its answer") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/a");
    world.run();
    client.must();
    client.ask(
        OpCode::set_watches,
        zk::SetWatches{
            .relative_zxid = 0, .data_watches = {"/a"}, .exist_watches = {}, .child_watches = {}});
    world.run();
    const Reply event = client.must();
    REQUIRE((event.xid == -1 && event.zxid == -1));
    REQUIRE(event_of(event).path == "/a");
    REQUIRE(client.must().error == 0);
}

TEST_CASE("watch calls answer no_watcher where there is none (5.3)") {
    ServerWorld world;
    TestClient client = world.client();
    client.ask(OpCode::add_watch, zk::AddWatchRequest{.path = "/a", .mode = 1});
    client.ask(OpCode::check_watches, zk::CheckWatchesRequest{.path = "/a", .type = 5});
    client.ask(OpCode::check_watches, zk::CheckWatchesRequest{.path = "/a", .type = 2});
    client.ask(OpCode::remove_watches, zk::RemoveWatchesRequest{.path = "/a", .type = 3});
    client.ask(OpCode::remove_watches, zk::RemoveWatchesRequest{.path = "/a", .type = 3});
    world.run();
    REQUIRE(client.must().error == 0);
    REQUIRE(client.must().error == 0);
    REQUIRE(client.must().error == code(ErrorCode::no_watcher));
    REQUIRE(client.must().error == 0);
    REQUIRE(client.must().error == code(ErrorCode::no_watcher));
}

TEST_CASE("multiRead answers each part for itself") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/a");
    wire::Writer out;
    out.int32(8);
    out.int32(static_cast<std::int32_t>(OpCode::multi_read));
    for (const std::string path : {"/a", "/none"}) {
        out.int32(4);
        out.boolean(false);
        out.int32(-1);
        zk::GetDataRequest{.path = path, .watch = false}.encode(out);
    }
    out.int32(-1);
    out.boolean(true);
    out.int32(-1);
    client.send_frame(out.take());
    world.run();
    client.must();
    const Reply reply = client.must();
    wire::Reader in(reply.body);
    const auto first = zk::MultiHeader::decode(in);
    REQUIRE((first->type == 4 && first->err == 0));
    REQUIRE(zk::GetDataResponse::decode(in)->stat.data_length == 1);
    const auto second = zk::MultiHeader::decode(in);
    REQUIRE((second->type == -1 && second->err == code(ErrorCode::no_node)));
    REQUIRE(in.int32() == code(ErrorCode::no_node));
    REQUIRE(zk::MultiHeader::decode(in)->done);
    REQUIRE(in.at_end());
}

TEST_CASE("empty containers and expired TTL nodes are removed") {
    ServerOptions options;
    options.extended_types = true;
    options.container_check = 5s;
    ServerWorld world(options);
    TestClient client = world.client();
    const std::vector<zk::Acl> open{{.perms = 31, .id = {"world", "anyone"}}};
    client.ask(OpCode::create_container,
               zk::CreateRequest{.path = "/c", .data = Bytes(), .acl = open, .flags = 4});
    client.ask(OpCode::create_container,
               zk::CreateRequest{.path = "/unused", .data = Bytes(), .acl = open, .flags = 4});
    client.ask(
        OpCode::create_ttl,
        zk::CreateTtlRequest{.path = "/t", .data = Bytes(), .acl = open, .flags = 5, .ttl = 1'000});
    client.create("/c/x");
    client.ask(OpCode::remove, zk::DeleteRequest{.path = "/c/x", .version = -1});
    world.run();
    world.loop.advance(6s);
    world.run();
    REQUIRE(world.node->nodes().find("/c") == nullptr);
    REQUIRE(world.node->nodes().find("/t") == nullptr);
    REQUIRE(world.node->nodes().find("/unused") != nullptr);
}

TEST_CASE("stopping finishes what is ordered and closes") {
    ServerWorld world;
    TestClient client = world.client();
    client.create("/a");
    bool stopped = false;
    world.node->stop([&stopped] { stopped = true; });
    REQUIRE_FALSE(stopped);
    world.disk.run_until_idle();
    REQUIRE(stopped);
    REQUIRE(client.must().error == 0);
    REQUIRE(client.closed());
}

TEST_CASE("four-letter words are answered on a fresh connection if the whitelist has them") {
    ServerOptions options;
    options.four_letter.words = {"ruok", "srvr", "mntr", "envi", "gtmk"};
    ServerWorld world(options);
    const auto ask = [&world](std::string_view word) {
        TestClient client = world.open();
        client.send_raw(as_bytes(word));
        world.run();
        REQUIRE(client.closed());
        return client.text();
    };
    REQUIRE(ask("ruok") == "imok");
    REQUIRE(ask("stat") == "stat is not executed because it is not in the whitelist.\n");
    const std::string srvr = ask("srvr");
    REQUIRE(srvr.starts_with("Zookeeper version: 3.9"));
    REQUIRE(srvr.find("\nZxid: 0x0\nMode: standalone\nNode count: 5\n") != std::string::npos);
    REQUIRE(ask("mntr").find("zk_server_state\tstandalone\n") != std::string::npos);
    REQUIRE(ask("envi").find("\njava.version=<NA>\n") != std::string::npos);
    REQUIRE(ask("gtmk") == "306");
}

TEST_CASE("mntr spreads summaries over avg, min, max, cnt and sum, as Java does") {
    ServerOptions options;
    options.four_letter.all = true;
    ServerWorld world(options);
    TestClient client = world.client();
    client.create("/a");
    client.ask(OpCode::get_data, zk::GetDataRequest{.path = "/a", .watch = true});
    client.ask(OpCode::exists, zk::ExistsRequest{.path = "/b", .watch = true});
    client.set("/a", "1");
    client.set("/a", "2");
    world.run();
    TestClient asking = world.open();
    asking.send_raw(as_bytes("mntr"));
    world.run();
    const std::string text = asking.text();
    const auto shows = [&text](std::string_view line) {
        return text.find(fmt::format("\n{}\n", line)) != std::string::npos;
    };
    // An event that fires nothing is not counted.
    REQUIRE(shows("zk_cnt_node_changed_watch_count\t1"));
    REQUIRE(shows("zk_sum_node_changed_watch_count\t1"));
    REQUIRE(shows("zk_min_node_changed_watch_count\t1"));
    REQUIRE(shows("zk_avg_node_changed_watch_count\t1.0"));
    REQUIRE(shows("zk_cnt_node_created_watch_count\t0"));
    REQUIRE(shows("zk_cnt_dbinittime\t1"));
    REQUIRE(shows("zk_cnt_election_time\t0"));
    REQUIRE(text.find("zk_min_fsynctime\t") != std::string::npos);
    REQUIRE(text.find("\nzk_node_changed_watch_count\t") == std::string::npos);
}
