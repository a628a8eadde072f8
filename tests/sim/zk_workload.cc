#include "tests/sim/zk_workload.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::sim {

namespace {

constexpr std::size_t kRegisters = 5;
constexpr std::size_t kOutstandingMax = 4;
constexpr std::string_view kFolders[] = {"/w", "/w/c", "/w/seq", "/w/eph"};

zk::ClientOptions client_options() {
    zk::ClientOptions options;
    options.servers = *zk::ConnectString::parse("coordinator:2181");
    options.session_timeout = 5s;
    return options;
}

// A session that is begun anew when it expires.
class SessionProgram : public Program {
 public:
    explicit SessionProgram(const runtime::Runtime& runtime) : x_runtime(runtime) {}

    Status start() override {
        open();
        return {};
    }

 protected:
    // A session has begun that is not the same as before.
    virtual void opened() = 0;
    zk::Client& client() { return *x_client; }
    runtime::Loop& loop() { return x_runtime.loop; }

 private:
    void open() {
        x_client = std::make_unique<zk::Client>(x_runtime.loop, x_runtime.network, client_options(),
                                                [this](zk::SessionEvent event) {
                                                    if (event == zk::SessionEvent::expired) {
                                                        x_runtime.loop.post([this] { open(); });
                                                    }
                                                });
        x_client->start();
        opened();
    }

    runtime::Runtime x_runtime;
    std::unique_ptr<zk::Client> x_client;
};

class ZkClientProgram : public SessionProgram {
 public:
    ZkClientProgram(const runtime::Runtime& runtime, World& world, std::string name, bool prepares,
                    ZkWorkload& workload)
        : SessionProgram(runtime),
          x_world(world),
          x_name(std::move(name)),
          x_prepares(prepares),
          x_workload(workload) {
        plan();
    }

 protected:
    void opened() override {
        if (x_prepares && !x_workload.prepared) {
            prepare(0);
        }
    }

 private:
    using Kind = ZkHistory::WriteKind;

    void prepare(std::size_t step) {
        const std::size_t folders = std::size(kFolders);
        if (step == folders + kRegisters) {
            x_workload.prepared = true;
            return;
        }
        const std::string path =
            step < folders ? std::string(kFolders[step]) : fmt::format("/w/k{}", step - folders);
        const std::string value = fmt::format("{}-initial", path);
        if (step >= folders && x_begun_registers.insert(path).second) {
            // Not reported as acknowledged: which attempt made it is not always known.
            x_workload.history.write_begins(Kind::create, path, value, loop().now());
        }
        client().create(path, as_bytes(value), zk::open_acl(), zk::CreateMode::persistent,
                        [this, step](const zk::Answer<zk::Created>& answer) {
                            if (answer.error == zk::ErrorCode::session_expired) {
                                return;  // opened() begins again
                            }
                            const bool is_there =
                                answer.ok() || answer.error == zk::ErrorCode::node_exists;
                            prepare(step + (is_there ? 1 : 0));
                        });
    }

    void plan() {
        loop().run_after(std::chrono::microseconds(loop().random().between(500, 60'000)), [this] {
            if (!x_workload.issuing && x_outstanding == 0 && !x_closing) {
                x_closing = true;
                client().close([this] { x_workload.closed.insert(x_name); });
                return;
            }
            if (x_workload.prepared && x_workload.issuing && x_outstanding < kOutstandingMax) {
                issue();
            }
            plan();
        });
    }

    void issue() {
        ++x_outstanding;
        ++x_workload.outstanding[x_name];
        const std::string value = fmt::format("{}:{}", x_name, ++x_issued);
        const std::string key = fmt::format("/w/k{}", loop().random().below(kRegisters));
        switch (loop().random().below(8)) {
            case 0:
                create(Kind::create, fmt::format("/w/c/{}", value), value,
                       zk::CreateMode::persistent);
                break;
            case 1:
                create(Kind::sequential, "/w/seq/n-", value, zk::CreateMode::persistent_sequential);
                break;
            case 2:
                create_ephemeral(value);
                break;
            case 3:
            case 4:
                set(key, value);
                break;
            default:
                get(key);
        }
    }

    // Common to all answers.
    void answered(Instant begun, zk::ErrorCode error, std::int64_t zxid) {
        --x_outstanding;
        --x_workload.outstanding[x_name];
        x_world.note(x_name, "answer", fmt::format("{} {:#x}", zk::name_of(error), zxid));
        if (error == zk::ErrorCode::ok) {
            x_workload.history.answered(x_name, zxid);
            Instant& since = x_workload.answered_since[x_name];
            since = std::max(since, begun);
        }
    }

    static bool is_unknown(zk::ErrorCode error) {
        return error == zk::ErrorCode::connection_loss || error == zk::ErrorCode::session_expired;
    }

    void written(ZkHistory::WriteId write, zk::ErrorCode error, const std::string& path,
                 std::int64_t zxid) {
        if (error == zk::ErrorCode::ok) {
            x_workload.history.write_acknowledged(write, path, zxid);
        } else if (!is_unknown(error)) {
            x_workload.history.write_refused(write, zk::name_of(error));
        }
    }

    void create(Kind kind, const std::string& path, const std::string& value, zk::CreateMode mode) {
        const Instant begun = loop().now();
        const auto write = x_workload.history.write_begins(kind, path, value, begun);
        client().create(path, as_bytes(value), zk::open_acl(), mode,
                        [this, begun, write](const zk::Answer<zk::Created>& answer) {
                            answered(begun, answer.error, answer.zxid);
                            // The node is new: its czxid is that of the write.
                            written(write, answer.error, answer.value.path, answer.zxid);
                        });
    }

    void create_ephemeral(const std::string& value) {
        client().create(fmt::format("/w/eph/{}", value), {}, zk::open_acl(),
                        zk::CreateMode::ephemeral,
                        [this, begun = loop().now()](const zk::Answer<zk::Created>& answer) {
                            answered(begun, answer.error, answer.zxid);
                        });
    }

    void set(const std::string& path, const std::string& value) {
        const Instant begun = loop().now();
        const auto write = x_workload.history.write_begins(Kind::set, path, value, begun);
        client().set_data(path, as_bytes(value), zk::kAnyVersion,
                          [this, begun, write, path](const zk::Answer<zk::Stat>& answer) {
                              answered(begun, answer.error, answer.zxid);
                              written(write, answer.error, path, answer.value.mzxid);
                          });
    }

    void get(const std::string& path) {
        const Instant begun = loop().now();
        const std::int64_t floor = x_workload.history.floor(path);
        client().get_data(path, {}, [this, begun, path, floor](zk::Answer<zk::NodeData> answer) {
            answered(begun, answer.error, answer.zxid);
            if (answer.ok()) {
                x_workload.history.read_answered(path, floor, answer.value.stat.mzxid,
                                                 to_text(answer.value.data));
            } else if (!is_unknown(answer.error)) {
                x_world.violation(fmt::format("{} could not read {}: {}", x_name, path,
                                              zk::name_of(answer.error)));
            }
        });
    }

    World& x_world;
    std::string x_name;
    bool x_prepares;
    ZkWorkload& x_workload;
    std::set<std::string> x_begun_registers;
    std::size_t x_outstanding = 0;
    std::uint64_t x_issued = 0;
    bool x_closing = false;
};

class ZkReaderProgram : public SessionProgram {
 public:
    ZkReaderProgram(const runtime::Runtime& runtime, ZkFinal& final)
        : SessionProgram(runtime), x_final(final) {}

 protected:
    void opened() override { begin(); }

 private:
    static constexpr Duration kAgain = 500ms;

    void begin() {
        ++x_round;
        x_waiting = 0;
        x_final.nodes.clear();
        for (std::size_t i = 0; i < kRegisters; ++i) {
            read(fmt::format("/w/k{}", i));
        }
        list("/w/c", true);
        list("/w/seq", true);
        list("/w/eph", false);
    }

    void begin_later() {
        ++x_round;  // answers of the failed round count no more
        loop().run_after(kAgain, [this, round = x_round] {
            if (round == x_round) {
                begin();
            }
        });
    }

    template <class T>
    bool counts(const zk::Answer<T>& answer, std::uint64_t round) {
        if (round != x_round) {
            return false;
        }
        if (!answer.ok()) {
            begin_later();
            return false;
        }
        --x_waiting;
        return true;
    }

    void read(const std::string& path) {
        ++x_waiting;
        client().get_data(
            path, {}, [this, path, round = x_round](const zk::Answer<zk::NodeData>& answer) {
                if (counts(answer, round)) {
                    x_final.nodes[path] = {to_text(answer.value.data), answer.value.stat.mzxid};
                    x_final.done = x_waiting == 0;
                }
            });
    }

    void list(const std::string& folder, bool read_children) {
        ++x_waiting;
        client().get_children(folder, {},
                              [this, folder, read_children,
                               round = x_round](const zk::Answer<zk::NodeChildren>& answer) {
                                  if (!counts(answer, round)) {
                                      return;
                                  }
                                  if (!read_children) {
                                      x_final.ephemerals = answer.value.names;
                                  }
                                  for (const std::string& name : answer.value.names) {
                                      if (read_children) {
                                          read(fmt::format("{}/{}", folder, name));
                                      }
                                  }
                                  x_final.done = x_waiting == 0;
                              });
    }

    ZkFinal& x_final;
    std::uint64_t x_round = 0;
    std::size_t x_waiting = 0;
};

}  // namespace

MakeProgram zk_client(World& world, std::string name, bool prepares, ZkWorkload& workload) {
    return [&world, name, prepares, &workload](const runtime::Runtime& runtime,
                                               const std::function<void(std::string)>&) {
        return std::make_unique<ZkClientProgram>(runtime, world, name, prepares, workload);
    };
}

MakeProgram zk_reader(ZkFinal& final) {
    return [&final](const runtime::Runtime& runtime, const std::function<void(std::string)>&) {
        return std::make_unique<ZkReaderProgram>(runtime, final);
    };
}

}  // namespace millrace::sim
