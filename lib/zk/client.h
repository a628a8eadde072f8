// A ZooKeeper client on a loop: one session, kept alive over the servers of a connect string. Requests are pipelined; every
// callback runs on the loop, in the order of the requests, never inside the call that made the request.
//
// A request made while there is no connection waits for the next one. A request that was sent when the connection broke
// answers connection_loss: it may or may not have happened. Once the session has expired, everything answers session_expired,
// and the owner makes another Client.
//
// Paths are those below the chroot of the connect string; what comes back has the chroot taken off.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/runtime/loop.h"
#include "lib/runtime/network.h"
#include "lib/zk/client_session.h"
#include "lib/zk/client_watches.h"
#include "lib/zk/connect_string.h"
#include "lib/zk/create_mode.h"
#include "lib/zk/error_code.h"
#include "lib/zk/zookeeper.h"

namespace millrace::zk {

// The answer to one request: ErrorCode::ok and the value, or the error and a fresh value. zxid is the state it was answered
// from (0 when no server answered).
template <class T>
struct Answer {
    ErrorCode error = ErrorCode::ok;
    T value{};
    std::int64_t zxid = 0;

    bool ok() const { return error == ErrorCode::ok; }
};

template <class T>
using Callback = std::move_only_function<void(Answer<T>)>;

struct Nothing {};

struct Created {
    std::string path;  // with the sequence number, when the mode has one
    Stat stat;
};

struct NodeData {
    Bytes data;
    Stat stat;
    bool has_data = true;  // false: null, which is not the same as empty to Java's clients
};

struct NodeChildren {
    std::vector<std::string> names;  // in the server's order
    Stat stat;
};

struct NodeAcl {
    std::vector<Acl> acl;
    Stat stat;
};

constexpr std::int32_t kAnyVersion = -1;

// One operation of a multi.
struct CreateOp {
    std::string path;
    Bytes data;
    std::vector<Acl> acl;
    CreateMode mode = CreateMode::persistent;  // without TTL
};
struct DeleteOp {
    std::string path;
    std::int32_t version = kAnyVersion;
};
struct SetDataOp {
    std::string path;
    Bytes data;
    std::int32_t version = kAnyVersion;
};
struct CheckOp {
    std::string path;
    std::int32_t version = kAnyVersion;
};
using MultiOp = std::variant<CreateOp, DeleteOp, SetDataOp, CheckOp>;

// What became of one operation. In a failed multi the operations before the failed one carry ok, those after it
// runtime_inconsistency; none of them has happened.
struct MultiOpResult {
    ErrorCode error = ErrorCode::ok;
    std::string path;  // of a create
    Stat stat;         // of a setData
};

// Answer::error of a multi is that of the first failed operation, so ok means that all of them happened.
using MultiResults = std::vector<MultiOpResult>;

struct ClientOptions {
    ConnectString servers;
    Duration session_timeout = 18s;  // asked for; the server may give another one
    // Requests without an answer; above, calls answer throttled_op.
    std::size_t outstanding_max = 16'384;
    std::size_t frame_bytes_max = 64 << 20;  // of an answer; a larger one breaks the connection
};

// world:anyone may do everything; and the same list but reading only.
std::vector<Acl> open_acl();
std::vector<Acl> read_only_acl();

class ClientDriver;

class Client {
 public:
    // Connects as soon as start is called. The loop and the network outlive the client.
    Client(runtime::Loop& loop, runtime::Network& network, ClientOptions options,
           std::function<void(SessionEvent)> on_session_event);
    // Drops the connection without ending the session at the server; no callback runs any more.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void start();
    // Ends the session at the server (its ephemeral nodes go), then calls back; without a connection it calls back at once
    // and the server expires the session. Requests still open answer session_expired. No session event follows.
    void close(runtime::Task then);

    bool connected() const;
    bool expired() const;
    // 0 before the first connection.
    std::int64_t session_id() const;
    // As the server gave it; what was asked for before the first connection.
    Duration session_timeout() const;
    std::size_t outstanding() const;

    void create(std::string_view path, BytesView data, const std::vector<Acl>& acl, CreateMode mode,
                Callback<Created> then);
    // A node whose data is null.
    void create_without_data(std::string_view path, const std::vector<Acl>& acl, CreateMode mode,
                             Callback<Created> then);
    // ttl in milliseconds; the mode is one of the two with TTL.
    void create_with_ttl(CreateOp op, std::int64_t ttl_millis, Callback<Created> then);
    void remove(std::string_view path, std::int32_t version, Callback<Nothing> then);
    // A watch is left also where the node does not exist.
    void exists(std::string_view path, Watcher watcher, Callback<Stat> then);
    void get_data(std::string_view path, Watcher watcher, Callback<NodeData> then);
    void set_data(std::string_view path, BytesView data, std::int32_t version, Callback<Stat> then);
    void get_children(std::string_view path, Watcher watcher, Callback<NodeChildren> then);
    void get_acl(std::string_view path, Callback<NodeAcl> then);
    void set_acl(std::string_view path, const std::vector<Acl>& acl, std::int32_t version,
                 Callback<Stat> then);
    // All or nothing.
    void multi(const std::vector<MultiOp>& ops, Callback<MultiResults> then);
    // Answers once this server has seen everything that the leader had ordered before.
    void sync(std::string_view path, Callback<Nothing> then);
    // Paths of the session's ephemeral nodes that begin with the prefix.
    void get_ephemerals(std::string_view prefix, Callback<std::vector<std::string>> then);
    // Of all nodes below the path.
    void get_all_children_number(std::string_view path, Callback<std::int32_t> then);
    void who_am_i(Callback<std::vector<ClientInfo>> then);
    // Kept, and given again to every server the session moves to.
    void add_auth(std::string_view scheme, BytesView credentials, Callback<Nothing> then);

 private:
    std::shared_ptr<ClientDriver> x_driver;
};

}  // namespace millrace::zk
