#include "lib/zk/client.h"
#include "lib/zk/multi.h"
#include "tests/support/manual_loop.h"
#include "tests/support/scripted_network.h"
#include "tests/support/zk_frames.h"

namespace millrace::zk {
namespace {

using testing::answer_to;
using testing::greeting_answer;
using testing::ZkRequest;

constexpr std::int64_t kSession = 0x1000014043a0000;

struct Rig {
    testing::ManualLoop loop;
    testing::ScriptedNetwork network{loop};
    std::vector<SessionEvent> events;
    std::unique_ptr<Client> client;
    std::shared_ptr<testing::ScriptedPeer> peer;
    std::vector<std::string> log;  // what callbacks saw, in order

    explicit Rig(const std::string& servers = "a:1", std::size_t outstanding_max = 100) {
        ClientOptions options{.servers = ConnectString::parse(servers).value(),
                              .session_timeout = 9s,
                              .outstanding_max = outstanding_max};
        client = std::make_unique<Client>(loop, network, std::move(options),
                                          [this](SessionEvent event) { events.push_back(event); });
        client->start();
        loop.run_until_idle();
    }

    ConnectRequest accept() {
        peer = network.accept();
        const std::vector<Bytes> frames = testing::split_frames(std::exchange(peer->received, {}));
        REQUIRE(frames.size() == 1);
        wire::Reader in(frames.front());
        return ConnectRequestFrame::decode(in).value().request;
    }
    void greet(std::int32_t timeout_millis = 9000) {
        send(greeting_answer(kSession, timeout_millis));
    }
    void establish() {
        accept();
        greet();
    }
    void send(const Bytes& bytes) {
        peer->send(bytes);
        loop.run_until_idle();
    }
    std::vector<ZkRequest> requests() {
        loop.run_until_idle();
        return testing::split_requests(std::exchange(peer->received, {}));
    }
    void hang_up() {
        peer->hang_up();
        loop.run_until_idle();
    }
    void get(const std::string& path, Watcher watcher = nullptr) {
        client->get_data(path, std::move(watcher), [this, path](Answer<NodeData> answer) {
            log.push_back(
                fmt::format("{} {} {}", path, name_of(answer.error), to_text(answer.value.data)));
        });
    }
    Watcher note_event() {
        return [this](const WatchEvent& event) {
            log.push_back(fmt::format("event {} {}", static_cast<int>(event.type), event.path));
        };
    }
    void answer_data(std::int32_t xid, std::string_view data, std::int64_t zxid = 5) {
        send(answer_to(xid, zxid, ErrorCode::ok, GetDataResponse{to_bytes(data), {}}));
    }
};

using Log = std::vector<std::string>;
using Events = std::vector<SessionEvent>;

}  // namespace

TEST_CASE("a new session asks for its timeout and becomes connected") {
    Rig rig;
    const ConnectRequest greeting = rig.accept();
    REQUIRE(greeting.session_id == 0);
    REQUIRE(greeting.time_out == 9000);
    REQUIRE(greeting.passwd == Bytes(16));
    REQUIRE_FALSE(rig.client->connected());
    rig.greet(6000);
    REQUIRE(rig.client->connected());
    REQUIRE(rig.client->session_id() == kSession);
    REQUIRE(rig.client->session_timeout() == 6s);
    REQUIRE(rig.events == Events{SessionEvent::connected});
}

TEST_CASE("requests made before the connection are sent once the session is confirmed") {
    Rig rig;
    rig.get("/x");
    rig.accept();
    REQUIRE(rig.requests().empty());
    rig.greet();
    const auto requests = rig.requests();
    REQUIRE(requests.size() == 1);
    REQUIRE(requests[0].op == OpCode::get_data);
    rig.answer_data(requests[0].xid, "value");
    REQUIRE(rig.log == Log{"/x Ok value"});
}

TEST_CASE("requests of one turn leave together and answers come back in order") {
    Rig rig;
    rig.establish();
    rig.get("/1");
    rig.get("/2");
    rig.get("/3");
    const auto requests = rig.requests();
    REQUIRE(requests.size() == 3);
    Bytes answers;
    for (const ZkRequest& request : requests) {
        const Bytes answer = answer_to(request.xid, 5, ErrorCode::no_node);
        answers.insert(answers.end(), answer.begin(), answer.end());
    }
    rig.send(answers);
    REQUIRE(rig.log == Log{"/1 NoNode ", "/2 NoNode ", "/3 NoNode "});
}

TEST_CASE("an answer that arrives in pieces is one answer") {
    Rig rig;
    rig.establish();
    rig.get("/x");
    const auto requests = rig.requests();
    const Bytes answer =
        answer_to(requests[0].xid, 5, ErrorCode::ok, GetDataResponse{to_bytes("v"), {}});
    for (const std::byte piece : answer) {
        REQUIRE(rig.log.empty());
        rig.send(Bytes{piece});
    }
    REQUIRE(rig.log == Log{"/x Ok v"});
}

TEST_CASE("an answer to another xid drops the connection") {
    Rig rig;
    rig.establish();
    rig.get("/x");
    rig.send(answer_to(rig.requests()[0].xid + 1, 5));
    REQUIRE(rig.peer->closed);
    REQUIRE(rig.log == Log{"/x ConnectionLoss "});
    REQUIRE(rig.events == Events{SessionEvent::connected, SessionEvent::disconnected});
}

TEST_CASE("a frame beyond the limit drops the connection") {
    Rig rig;
    rig.establish();
    rig.send(from_hex("7fffffff"));
    REQUIRE(rig.peer->closed);
}

TEST_CASE("after a lost connection the session is taken up again with its password and last zxid") {
    Rig rig;
    rig.establish();
    rig.get("/x");
    rig.answer_data(rig.requests()[0].xid, "v", 0x77);
    rig.hang_up();
    const ConnectRequest greeting = rig.accept();
    REQUIRE(greeting.session_id == kSession);
    REQUIRE(greeting.passwd == Bytes(16, std::byte{7}));
    REQUIRE(greeting.last_zxid_seen == 0x77);
    rig.greet();
    REQUIRE(rig.events ==
            Events{SessionEvent::connected, SessionEvent::disconnected, SessionEvent::connected});
}

TEST_CASE("what was sent when the connection broke fails and what was not waits") {
    Rig rig;
    rig.establish();
    rig.get("/sent");
    rig.requests();
    rig.hang_up();
    REQUIRE(rig.log == Log{"/sent ConnectionLoss "});
    rig.get("/waits");
    rig.establish();
    rig.answer_data(rig.requests()[0].xid, "v");
    REQUIRE(rig.log == Log{"/sent ConnectionLoss ", "/waits Ok v"});
}

TEST_CASE("all servers of the list are tried, then there is a pause") {
    Rig rig("a:1,b:2,c:3");
    std::set<std::string> tried;
    for (int i = 0; i < 3; ++i) {
        REQUIRE(rig.network.attempt());
        tried.insert(rig.network.attempt()->to_string());
        rig.network.refuse();
    }
    REQUIRE(tried == std::set<std::string>{"a:1", "b:2", "c:3"});
    REQUIRE_FALSE(rig.network.attempt());
    rig.loop.advance(200ms);
    REQUIRE(rig.network.attempt());
}

TEST_CASE("an expired session fails everything and connects no more") {
    Rig rig;
    rig.establish();
    rig.hang_up();
    rig.get("/open");
    rig.accept();
    rig.send(greeting_answer(0, 0));
    REQUIRE(rig.client->expired());
    REQUIRE(rig.events.back() == SessionEvent::expired);
    REQUIRE(rig.log == Log{"/open SessionExpired "});
    rig.get("/late");
    REQUIRE(rig.log.size() == 1);  // never inside the call
    rig.loop.run_until_idle();
    REQUIRE(rig.log.back() == "/late SessionExpired ");
    rig.loop.advance(60s);
    REQUIRE_FALSE(rig.network.attempt());
}

TEST_CASE("an idle client pings after a third of the timeout") {
    Rig rig;
    rig.establish();
    rig.loop.advance(2900ms);
    REQUIRE(rig.requests().empty());
    rig.loop.advance(200ms);
    const auto requests = rig.requests();
    REQUIRE(requests.size() == 1);
    REQUIRE(requests[0].op == OpCode::ping);
    REQUIRE(requests[0].xid == kPingXid);
    rig.send(answer_to(kPingXid, 9));
    REQUIRE(rig.client->connected());
}

TEST_CASE("pings follow the timeout the server grants and not the one asked for") {
    Rig rig;
    rig.accept();
    rig.greet(3000);
    rig.loop.advance(1100ms);
    REQUIRE(rig.requests().size() == 1);
}

TEST_CASE("a server silent for two thirds of the timeout is given up") {
    Rig rig;
    rig.establish();
    rig.loop.advance(5900ms);
    REQUIRE(rig.client->connected());
    rig.loop.advance(200ms);
    REQUIRE_FALSE(rig.client->connected());
    REQUIRE(rig.events.back() == SessionEvent::disconnected);
    REQUIRE(rig.network.attempt());
}

TEST_CASE("a server that accepts and never greets is given up too") {
    Rig rig;
    rig.accept();
    rig.loop.advance(6100ms);
    REQUIRE(rig.peer->closed);
    REQUIRE(rig.network.attempt());
}

TEST_CASE("a watch fires once, before the answer that shows the new state") {
    Rig rig;
    rig.establish();
    rig.get("/x", rig.note_event());
    rig.answer_data(rig.requests()[0].xid, "1");
    rig.get("/x");
    const std::int32_t xid = rig.requests()[0].xid;
    rig.send(testing::notification(3, "/x", 8));
    rig.answer_data(xid, "2");
    rig.send(testing::notification(3, "/x", 9));
    REQUIRE(rig.log == Log{"/x Ok 1", "event 3 /x", "/x Ok 2"});
}

TEST_CASE("getData on a missing node leaves no watch and exists does") {
    Rig rig;
    rig.establish();
    rig.get("/x", rig.note_event());
    rig.send(answer_to(rig.requests()[0].xid, 5, ErrorCode::no_node));
    rig.send(testing::notification(1, "/x", 6));
    rig.client->exists("/y", rig.note_event(), [&](Answer<Stat> answer) {
        rig.log.push_back(std::string(name_of(answer.error)));
    });
    rig.send(answer_to(rig.requests()[0].xid, 5, ErrorCode::no_node));
    rig.send(testing::notification(1, "/y", 7));
    REQUIRE(rig.log == Log{"/x NoNode ", "NoNode", "event 1 /y"});
}

TEST_CASE("watches are set again at the next server, each in the list of its kind") {
    Rig rig;
    rig.establish();
    rig.get("/data", rig.note_event());
    rig.client->exists("/missing", rig.note_event(), [](Answer<Stat>) {});
    rig.client->get_children("/parent", rig.note_event(), [](Answer<NodeChildren>) {});
    const auto requests = rig.requests();
    rig.answer_data(requests[0].xid, "", 0x10);
    rig.send(answer_to(requests[1].xid, 0x10, ErrorCode::no_node));
    rig.send(answer_to(requests[2].xid, 0x10, ErrorCode::ok, GetChildren2Response{{"a"}, {}}));
    rig.hang_up();
    rig.establish();
    const auto again = rig.requests();
    REQUIRE(again.size() == 1);
    REQUIRE(again[0].xid == kSetWatchesXid);
    wire::Reader in(again[0].body);
    const SetWatches set = SetWatches::decode(in).value();
    REQUIRE(set.relative_zxid == 0x10);
    REQUIRE(set.data_watches == std::vector<std::string>{"/data"});
    REQUIRE(set.exist_watches == std::vector<std::string>{"/missing"});
    REQUIRE(set.child_watches == std::vector<std::string>{"/parent"});
    rig.send(answer_to(kSetWatchesXid, 0x10));
    rig.log.clear();
    rig.send(testing::notification(4, "/parent", 0x11));
    REQUIRE(rig.log == Log{"event 4 /parent"});
}

TEST_CASE("many watches are set again in several requests") {
    ClientWatches watches;
    for (int i = 0; i < 5000; ++i) {
        watches.add(WatchKind::data, fmt::format("/{:060}", i), [](const WatchEvent&) {});
    }
    const std::vector<SetWatches> requests = watches.set_again(1);
    REQUIRE(requests.size() == 3);
    std::size_t paths = 0;
    for (const SetWatches& request : requests) {
        paths += request.data_watches.size();
        wire::Writer out;
        request.encode(out);
        REQUIRE(out.size() < 132 * 1024);
    }
    REQUIRE(paths == 5000);
}

TEST_CASE("paths go out with the chroot and come back without it") {
    Rig rig("a:1/kafka");
    rig.establish();
    rig.client->create("/x", as_bytes("v"), open_acl(), CreateMode::persistent,
                       [&](Answer<Created> answer) { rig.log.push_back(answer.value.path); });
    const auto requests = rig.requests();
    wire::Reader in(requests[0].body);
    REQUIRE(CreateRequest::decode(in).value().path == "/kafka/x");
    rig.send(answer_to(requests[0].xid, 5, ErrorCode::ok, Create2Response{"/kafka/x", {}}));
    rig.get("/", rig.note_event());
    const auto root = rig.requests();
    wire::Reader root_in(root[0].body);
    REQUIRE(GetDataRequest::decode(root_in).value().path == "/kafka");
    rig.answer_data(root[0].xid, "");
    rig.send(testing::notification(3, "/kafka", 6));
    REQUIRE(rig.log == Log{"/x", "/ Ok ", "event 3 /"});
}

TEST_CASE("a multi tells what became of each operation") {
    Rig rig;
    rig.establish();
    Answer<MultiResults> told;
    rig.client->multi({CreateOp{"/a", to_bytes("x"), open_acl()}, SetDataOp{"/b", {}, 3},
                       CheckOp{"/c", 1}, DeleteOp{"/d"}},
                      [&](Answer<MultiResults> answer) { told = std::move(answer); });
    const auto requests = rig.requests();
    wire::Reader in(requests[0].body);
    const MultiRequest request = MultiRequest::decode(in).value();
    REQUIRE(request.operations.size() == 4);
    REQUIRE(request.operations[0].type == OpCode::create);
    MultiResponse response;
    response.results = {{OpCode::create, ErrorCode::ok, CreateResponse{"/a"}},
                        {OpCode::set_data, ErrorCode::ok, SetDataResponse{}},
                        {OpCode::check, ErrorCode::ok, {}},
                        {OpCode::remove, ErrorCode::ok, {}}};
    rig.send(answer_to(requests[0].xid, 5, ErrorCode::ok, response));
    REQUIRE(told.ok());
    REQUIRE(told.value[0].path == "/a");
}

TEST_CASE("a failed multi answers with the error of the operation that failed") {
    Rig rig;
    rig.establish();
    Answer<MultiResults> told;
    rig.client->multi({CheckOp{"/a"}, CheckOp{"/b", 4}, DeleteOp{"/c"}},
                      [&](Answer<MultiResults> answer) { told = std::move(answer); });
    MultiResponse response;
    response.results = {{OpCode::error, ErrorCode::ok, {}},
                        {OpCode::error, ErrorCode::bad_version, {}},
                        {OpCode::error, ErrorCode::runtime_inconsistency, {}}};
    rig.send(answer_to(rig.requests()[0].xid, 5, ErrorCode::ok, response));
    REQUIRE(told.error == ErrorCode::bad_version);
    REQUIRE(told.value[1].error == ErrorCode::bad_version);
    REQUIRE(told.value[2].error == ErrorCode::runtime_inconsistency);
}

TEST_CASE("containers and nodes with a time to live have requests of their own") {
    Rig rig;
    rig.establish();
    rig.client->create("/box", {}, open_acl(), CreateMode::container, [](Answer<Created>) {});
    rig.client->create_with_ttl({"/t", {}, open_acl(), CreateMode::persistent_with_ttl}, 1000,
                                [](Answer<Created>) {});
    const auto requests = rig.requests();
    REQUIRE(requests[0].op == OpCode::create_container);
    REQUIRE(requests[1].op == OpCode::create_ttl);
    wire::Reader in(requests[1].body);
    REQUIRE(CreateTtlRequest::decode(in).value().ttl == 1000);
}

TEST_CASE("credentials are given to every server, before anything else") {
    Rig rig;
    rig.establish();
    rig.client->add_auth("digest", as_bytes("u:p"), [&](Answer<Nothing> answer) {
        rig.log.push_back(std::string(name_of(answer.error)));
    });
    REQUIRE(rig.requests()[0].xid == kAuthXid);
    rig.send(answer_to(kAuthXid, 0));
    REQUIRE(rig.log == Log{"Ok"});
    rig.hang_up();
    rig.get("/x");
    rig.establish();
    const auto again = rig.requests();
    REQUIRE(again.size() == 2);
    REQUIRE(again[0].op == OpCode::auth);
    REQUIRE(again[1].op == OpCode::get_data);
}

TEST_CASE("refused credentials end the client") {
    Rig rig;
    rig.establish();
    rig.client->add_auth("digest", as_bytes("u:p"), [&](Answer<Nothing> answer) {
        rig.log.push_back(std::string(name_of(answer.error)));
    });
    rig.requests();
    rig.send(answer_to(kAuthXid, 0, ErrorCode::auth_failed));
    REQUIRE(rig.log == Log{"AuthFailed"});
    REQUIRE(rig.events.back() == SessionEvent::auth_failed);
    rig.loop.advance(60s);
    REQUIRE_FALSE(rig.network.attempt());
}

TEST_CASE("above the bound requests are throttled and those below it answered") {
    Rig rig("a:1", 2);
    rig.establish();
    rig.get("/1");
    rig.get("/2");
    rig.get("/3");
    const auto requests = rig.requests();
    REQUIRE(requests.size() == 2);
    REQUIRE(rig.log == Log{"/3 ThrottledOp "});
    REQUIRE(rig.client->outstanding() == 2);
}

TEST_CASE("close ends the session at the server and then calls back") {
    Rig rig;
    rig.establish();
    rig.get("/x");
    rig.client->close([&] { rig.log.push_back("closed"); });
    const auto requests = rig.requests();
    REQUIRE(requests.size() == 2);
    REQUIRE(requests[1].op == OpCode::close_session);
    rig.answer_data(requests[0].xid, "v");
    rig.send(answer_to(requests[1].xid, 6));
    REQUIRE(rig.log == Log{"/x Ok v", "closed"});
    REQUIRE(rig.events == Events{SessionEvent::connected});
    rig.loop.advance(60s);
    REQUIRE_FALSE(rig.network.attempt());
}

TEST_CASE("close without a connection calls back in a later turn") {
    Rig rig;
    rig.get("/open");
    rig.client->close([&] { rig.log.push_back("closed"); });
    REQUIRE(rig.log.empty());
    rig.loop.run_until_idle();
    REQUIRE(rig.log == Log{"/open SessionExpired ", "closed"});
}

TEST_CASE("a client may be destroyed in its own callback") {
    Rig rig;
    rig.establish();
    rig.client->get_data("/x", nullptr, [&](Answer<NodeData>) { rig.client.reset(); });
    rig.get("/never");
    const auto requests = rig.requests();
    Bytes answers = answer_to(requests[0].xid, 5, ErrorCode::no_node);
    const Bytes second = answer_to(requests[1].xid, 5, ErrorCode::no_node);
    answers.insert(answers.end(), second.begin(), second.end());
    rig.send(answers);
    REQUIRE(rig.client == nullptr);
    REQUIRE(rig.log.empty());
    REQUIRE(rig.peer->closed);
}

TEST_CASE("a connect string names servers, ports and a chroot") {
    for (const char* wrong : {"2]", "[::1", "[a]", "a b", "[::1],x]"}) {
        REQUIRE_FALSE(ConnectString::parse(wrong));
    }
    REQUIRE(ConnectString::parse("::1")->servers.front() == runtime::Endpoint{"::1", 2181});
    const ConnectString parsed =
        ConnectString::parse("a:1, b ,[::1]:3,10.0.0.1:2182/kafka/east").value();
    REQUIRE(parsed.servers.size() == 4);
    REQUIRE(parsed.servers[1] == runtime::Endpoint{"b", 2181});
    REQUIRE(parsed.servers[2] == runtime::Endpoint{"::1", 3});
    REQUIRE(parsed.chroot == "/kafka/east");
    REQUIRE(ConnectString::parse("a:1/").value().chroot.empty());
}

TEST_CASE("a connect string that cannot be used is refused") {
    const char* text = GENERATE("", "/kafka", "a:port", "a:1/kafka//x", "a:1/kafka/", ":2181");
    REQUIRE(ConnectString::parse(text).error().code == Errc::invalid_argument);
}

}  // namespace millrace::zk
