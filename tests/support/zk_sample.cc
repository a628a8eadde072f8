// A server's tree as text, to compare two servers; and a sample of every kind of write to compare them with.
//   zk_sample write SERVERS PREFIX   makes nodes below PREFIX: all modes, lists, multis, deletions, failures
//   zk_sample dump SERVERS           prints every node but /zookeeper/config with data, stat and list, ordered by path
#include <cstdio>
#include <iostream>

#include "lib/base/check.h"
#include "lib/runtime/posix_runtime.h"
#include "lib/zk/acl.h"
#include "lib/zk/client.h"
#include "lib/zk/path.h"

namespace millrace::testing {
namespace {

using zk::Answer;
using zk::CreateMode;
using zk::ErrorCode;

zk::ClientOptions client_options(const std::string& servers) {
    zk::ClientOptions options;
    options.servers = zk::ConnectString::parse(servers).value();
    return options;
}

void expect(ErrorCode wanted, ErrorCode got) {
    if (wanted != got) {
        check_failed(zk::name_of(got), "the sample got another answer than it should");
    }
}

// --- write

// Everything is asked at once: a session's requests are done in their order.
class Sample {
 public:
    Sample(zk::Client& client, std::string prefix)
        : x_client(client), x_prefix(std::move(prefix)) {}

    void write() {
        create("", "root of the sample", CreateMode::persistent);
        quota();
        create("/plain", "first", CreateMode::persistent);
        create("/plain/child", "", CreateMode::persistent);
        create("/plain/seq-", "a", CreateMode::persistent_sequential);
        create("/plain/seq-", "b", CreateMode::persistent_sequential);
        create("/gone", "ends with its session", CreateMode::ephemeral);
        create("/box", "container", CreateMode::container);
        x_client.create_with_ttl(
            {at("/timed"), to_bytes("ttl"), zk::open_acl(), CreateMode::persistent_with_ttl},
            3'600'000, expecting<zk::Created>(ErrorCode::ok));
        x_client.set_data(at("/plain"), as_bytes("second"), zk::kAnyVersion,
                          expecting<zk::Stat>(ErrorCode::ok));
        create("/plain", "again", CreateMode::persistent, ErrorCode::node_exists);
        create("/doomed", "x", CreateMode::persistent);
        remove("/doomed", ErrorCode::ok);
        remove("/plain", ErrorCode::not_empty);
        lists();
        multis();
        for (int i = 0; i < 40; ++i) {
            create(fmt::format("/many-{:02}", i),
                   std::string(static_cast<std::size_t>(i) * 50, 'm'), CreateMode::persistent);
        }
    }

 private:
    std::string at(std::string_view path) const { return x_prefix + std::string(path); }

    template <class T>
    static zk::Callback<T> expecting(ErrorCode wanted) {
        return [wanted](Answer<T> answer) { expect(wanted, answer.error); };
    }
    void create(std::string_view path, std::string_view data, CreateMode mode,
                ErrorCode wanted = ErrorCode::ok) {
        x_client.create(at(path), as_bytes(data), zk::open_acl(), mode,
                        expecting<zk::Created>(wanted));
    }
    void remove(std::string_view path, ErrorCode wanted) {
        x_client.remove(at(path), zk::kAnyVersion, expecting<zk::Nothing>(wanted));
    }
    // As ZooKeeper's shell sets it; everything that follows is counted.
    void quota() {
        const std::string place = "/zookeeper/quota" + x_prefix;
        for (const auto& [path, data] : {std::pair(place, std::string_view()),
                                         {place + "/zookeeper_limits", "count=1000,bytes=-1"},
                                         {place + "/zookeeper_stats", "count=0,bytes=0"}}) {
            x_client.create(path, as_bytes(data), zk::open_acl(), CreateMode::persistent,
                            expecting<zk::Created>(ErrorCode::ok));
        }
    }
    void lists() {
        create("/guarded", "s", CreateMode::persistent);
        const std::string alice = zk::digest_id("alice:secret").value();
        const std::vector<zk::Acl> acl{{zk::Permission::kRead, zk::world_anyone()},
                                       {zk::Permission::kAll, {"digest", alice}}};
        x_client.set_acl(at("/guarded"), acl, zk::kAnyVersion, expecting<zk::Stat>(ErrorCode::ok));
        // The list is used once more, and then again once.
        create("/guarded-too", "s", CreateMode::persistent);
        x_client.set_acl(at("/guarded-too"), acl, zk::kAnyVersion,
                         expecting<zk::Stat>(ErrorCode::ok));
        remove("/guarded-too", ErrorCode::ok);
    }
    void multis() {
        const Bytes data = to_bytes("multi");
        x_client.multi(
            {zk::CreateOp{at("/m1"), data, zk::open_acl()},
             zk::CreateOp{at("/m1/below"), data, zk::open_acl()}, zk::CheckOp{at("/plain"), 1},
             zk::SetDataOp{at("/plain"), data}, zk::DeleteOp{at("/m1/below")}},
            expecting<zk::MultiResults>(ErrorCode::ok));
        x_client.multi(
            {zk::CreateOp{at("/m2"), data, zk::open_acl()}, zk::CheckOp{at("/plain"), 99}},
            expecting<zk::MultiResults>(ErrorCode::bad_version));
    }

    zk::Client& x_client;
    std::string x_prefix;
};

// --- dump

std::string stat_text(const zk::Stat& stat) {
    return fmt::format("{:x} {:x} {} {} {} {} {} {:x} {} {} {:x}", stat.czxid, stat.mzxid,
                       stat.ctime, stat.mtime, stat.version, stat.cversion, stat.aversion,
                       stat.ephemeral_owner, stat.data_length, stat.num_children, stat.pzxid);
}

// Prints one node after the other, each before its children.
class Dump {
 public:
    Dump(zk::Client& client, std::function<void()> done)
        : x_client(client), x_done(std::move(done)), x_left{"/"} {}

    void step() {
        if (x_left.empty()) {
            x_done();
            return;
        }
        x_path = std::move(x_left.back());
        x_left.pop_back();
        x_client.get_data(x_path, nullptr, [this](Answer<zk::NodeData> answer) {
            expect(ErrorCode::ok, answer.error);
            fmt::print("{} \"{}\" {}", x_path, as_text(answer.value.data),
                       stat_text(answer.value.stat));
        });
        x_client.get_acl(x_path, [](Answer<zk::NodeAcl> answer) {
            expect(ErrorCode::ok, answer.error);
            for (const zk::Acl& entry : answer.value.acl) {
                fmt::print(" {}:{}:{}", entry.perms, entry.id.scheme, entry.id.id);
            }
            fmt::print("\n");
        });
        x_client.get_children(x_path, nullptr, [this](Answer<zk::NodeChildren> answer) {
            expect(ErrorCode::ok, answer.error);
            std::ranges::sort(answer.value.names, std::ranges::greater());
            for (const std::string& name : answer.value.names) {
                const std::string child = zk::join_path(x_path, name);
                // Java's server tells its own configuration there.
                if (child != "/zookeeper/config") {
                    x_left.push_back(child);
                }
            }
            step();
        });
    }

 private:
    zk::Client& x_client;
    std::function<void()> x_done;
    std::vector<std::string> x_left;  // the next one at the end
    std::string x_path;
};

int run(const std::vector<std::string>& arguments) {
    const bool writes = arguments.size() == 3 && arguments[0] == "write";
    const bool dumps = arguments.size() == 2 && arguments[0] == "dump";
    if (!writes && !dumps) {
        std::cerr << "usage: zk_sample write SERVERS PREFIX | zk_sample dump SERVERS\n";
        return 2;
    }
    const auto runtime = runtime::make_posix_runtime({});
    zk::Client client(runtime->get().loop, runtime->get().network, client_options(arguments[1]),
                      [](zk::SessionEvent) {});
    client.start();
    const auto close = [&] { client.close([&] { runtime->stop(0); }); };
    Dump dump(client, close);
    runtime->get().loop.post([&] {
        if (dumps) {
            dump.step();
            return;
        }
        Sample(client, arguments[2]).write();
        // Its answer is the last one, so all the others were as expected.
        client.sync("/", [&](Answer<zk::Nothing> answer) {
            expect(ErrorCode::ok, answer.error);
            close();
        });
    });
    return runtime->run();
}

}  // namespace
}  // namespace millrace::testing

int main(int count, char** values) {
    return millrace::testing::run({values + 1, values + count});
}
