#include "tests/sim/zk_workload.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::sim {

namespace {

constexpr std::size_t kRegisters = 5;
constexpr std::size_t kOutstandingMax = 4;
constexpr std::string_view kFolders[] = {"/w", "/w/c", "/w/seq", "/w/eph"};
constexpr std::string_view kTogether[] = {"/w/m0", "/w/m1"};

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
    virtual void expired() {}
    zk::Client& client() { return *x_client; }
    runtime::Loop& loop() { return x_runtime.loop; }

 private:
    void open() {
        x_client = std::make_unique<zk::Client>(x_runtime.loop, x_runtime.network, client_options(),
                                                [this](zk::SessionEvent event) {
                                                    if (event == zk::SessionEvent::expired) {
                                                        expired();
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
          x_workload(workload),
          x_life(fmt::format("{}.{}", x_name, ++workload.lives[x_name])) {
        workload.outstanding[x_name] = 0;
        plan();
    }

 protected:
    void opened() override {
        ++x_session;
        x_watched.clear();
        x_ephemerals.clear();
        x_heard_at = {};
        x_last_zxid = 0;
        if (x_prepares && !x_workload.prepared) {
            prepare(0);
        }
    }

    void expired() override {
        ++x_workload.expirations;
        x_world.note(x_name, "expired", "");
        // The server heard the request at the earliest when it was sent.
        if (x_heard_at && loop().now() < *x_heard_at + client().session_timeout()) {
            x_world.violation(
                fmt::format("a session of {} expired {} ms after a request, and had "
                            "{} ms",
                            x_name, to_millis(loop().now() - *x_heard_at),
                            to_millis(client().session_timeout())));
        }
    }

 private:
    using Kind = ZkHistory::WriteKind;

    void prepare(std::size_t step) {
        const std::size_t folders = std::size(kFolders);
        const std::size_t registers = kRegisters + std::size(kTogether);
        if (step == folders + registers) {
            x_workload.prepared = true;
            return;
        }
        const std::size_t at = step - folders;
        const std::string path = step < folders    ? std::string(kFolders[step])
                                 : at < kRegisters ? register_path(at)
                                                   : std::string(kTogether[at - kRegisters]);
        // Those that are written together begin alike.
        const std::string value =
            step < folders + kRegisters ? fmt::format("{}-initial", path) : "together-initial";
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

    static std::string register_path(std::size_t number) { return fmt::format("/w/k{}", number); }
    std::string any_register() { return register_path(loop().random().below(kRegisters)); }

    void plan() {
        loop().run_after(std::chrono::microseconds(loop().random().between(500, 60'000)), [this] {
            if (!x_workload.issuing && x_outstanding == 0 && !x_closing) {
                x_closing = true;
                look_again(0);
                return;
            }
            if (x_workload.prepared && x_workload.issuing && x_outstanding < kOutstandingMax) {
                issue();
            }
            plan();
        });
    }

    // Reads everything that may be watched: an event that was lost shows now. Then ends the session.
    void look_again(std::size_t step) {
        if (step == kRegisters + 1) {
            client().close([this] { x_workload.closed.insert(x_name); });
            return;
        }
        const auto then = [this, step, session = x_session](zk::ErrorCode error) {
            const bool again = error != zk::ErrorCode::ok;
            if (again && session == x_session) {
                loop().run_after(200ms, [this, step] { look_again(step); });
            } else if (again) {
                loop().run_after(200ms, [this] { look_again(0); });
            } else {
                look_again(step + 1);
            }
        };
        if (step < kRegisters) {
            get(register_path(step), false, then);
        } else {
            list(false, then);
        }
    }

    void issue() {
        const std::string value = fmt::format("{}:{}", x_life, ++x_issued);
        Random& random = loop().random();
        switch (random.below(14)) {
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
                look_at_ephemeral();
                break;
            case 4:
                set_together(value);
                break;
            case 5:
                list(true, [](zk::ErrorCode) {});
                break;
            case 6:
            case 7:
                get(any_register(), true, [](zk::ErrorCode) {});
                break;
            case 8:
            case 9:
                set_if(any_register(), value);
                break;
            case 10:
            case 11:
                set(any_register(), value, zk::kAnyVersion);
                break;
            default:
                get(any_register(), false, [](zk::ErrorCode) {});
        }
    }

    // Common to all requests and their answers. An answer of a session that is over says nothing of the present one.
    struct Begun {
        Instant at;
        std::uint64_t session = 0;
    };
    Begun begins() {
        ++x_outstanding;
        ++x_workload.outstanding[x_name];
        return {loop().now(), x_session};
    }
    void answered(const Begun& begun, zk::ErrorCode error, std::int64_t zxid) {
        --x_outstanding;
        --x_workload.outstanding[x_name];
        x_world.note(x_name, "answer", fmt::format("{} {:#x}", zk::name_of(error), zxid));
        if (!is_unknown(error) && begun.session == x_session) {
            x_heard_at = std::max(x_heard_at.value_or(begun.at), begun.at);
            x_last_zxid = std::max(x_last_zxid, zxid);
        }
        if (error == zk::ErrorCode::ok) {
            x_workload.history.answered(x_name, zxid);
            Instant& since = x_workload.answered_since[x_name];
            since = std::max(since, begun.at);
        }
    }

    static bool is_unknown(zk::ErrorCode error) {
        return error == zk::ErrorCode::connection_loss || error == zk::ErrorCode::session_expired;
    }

    void written(ZkHistory::WriteId write, zk::ErrorCode error, const ZkHistory::Done& done) {
        if (error == zk::ErrorCode::ok) {
            x_workload.history.write_acknowledged(write, done);
        } else if (!is_unknown(error)) {
            x_workload.history.write_refused(write, zk::name_of(error));
        }
    }

    void create(Kind kind, const std::string& path, const std::string& value, zk::CreateMode mode) {
        const Begun begun = begins();
        const auto write = x_workload.history.write_begins(kind, path, value, begun.at);
        client().create(path, as_bytes(value), zk::open_acl(), mode,
                        [this, begun, write](const zk::Answer<zk::Created>& answer) {
                            answered(begun, answer.error, answer.zxid);
                            // The node is new: its czxid is that of the write.
                            written(write, answer.error, {answer.value.path, answer.zxid, 0});
                        });
    }

    void create_ephemeral(const std::string& value) {
        const std::string path = fmt::format("/w/eph/{}", value);
        client().create(path, {}, zk::open_acl(), zk::CreateMode::ephemeral,
                        [this, path, begun = begins()](const zk::Answer<zk::Created>& answer) {
                            answered(begun, answer.error, answer.zxid);
                            if (answer.ok() && begun.session == x_session) {
                                x_ephemerals.push_back(path);
                            }
                        });
    }

    void look_at_ephemeral() {
        if (x_ephemerals.empty()) {
            return;
        }
        const std::size_t which = loop().random().below(x_ephemerals.size());
        const std::string path = x_ephemerals[which];
        const auto found = [this, path](const Begun& begun, zk::ErrorCode error) {
            if (error == zk::ErrorCode::no_node && begun.session == x_session) {
                x_world.violation(fmt::format("lost: {} is gone and its session is not", path));
            }
        };
        if (loop().random().chance(0.5)) {
            client().exists(path, {},
                            [this, found, begun = begins()](const zk::Answer<zk::Stat>& answer) {
                                answered(begun, answer.error, answer.zxid);
                                found(begun, answer.error);
                            });
            return;
        }
        // Whatever the answer is, it is not looked at again.
        x_ephemerals.erase(x_ephemerals.begin() + static_cast<std::ptrdiff_t>(which));
        client().remove(path, zk::kAnyVersion,
                        [this, found, begun = begins()](const zk::Answer<zk::Nothing>& answer) {
                            answered(begun, answer.error, answer.zxid);
                            found(begun, answer.error);
                        });
    }

    void set(const std::string& path, const std::string& value, std::int32_t version) {
        const Begun begun = begins();
        const auto write = x_workload.history.write_begins(Kind::set, path, value, begun.at);
        client().set_data(
            path, as_bytes(value), version,
            [this, begun, write, path, version](const zk::Answer<zk::Stat>& answer) {
                answered(begun, answer.error, answer.zxid);
                if (version != zk::kAnyVersion && answer.error == zk::ErrorCode::bad_version) {
                    return;
                }
                const std::int32_t now = answer.value.version;
                written(write, answer.error, {path, answer.value.mzxid, now});
                if (answer.ok() && version != zk::kAnyVersion && now != version + 1) {
                    x_world.violation(fmt::format("a write of {} at version {} made version {}",
                                                  path, version, now));
                }
            });
    }

    // At the version that this client has read last.
    void set_if(const std::string& path, const std::string& value) {
        const auto known = x_versions.find(path);
        set(path, value, known == x_versions.end() ? 0 : known->second);
    }

    void set_together(const std::string& value) {
        const Begun begun = begins();
        std::vector<zk::MultiOp> ops;
        for (const std::string_view path : kTogether) {
            ops.emplace_back(zk::SetDataOp{std::string(path), to_bytes(value), zk::kAnyVersion});
        }
        // One transaction: the history knows it by the first of its nodes.
        const auto write =
            x_workload.history.write_begins(Kind::set, std::string(kTogether[0]), value, begun.at);
        client().multi(ops, [this, begun, write](const zk::Answer<zk::MultiResults>& answer) {
            answered(begun, answer.error, answer.zxid);
            const zk::Stat stat =
                answer.ok() && !answer.value.empty() ? answer.value[0].stat : zk::Stat{};
            written(write, answer.error, {std::string(kTogether[0]), stat.mzxid, stat.version});
        });
    }

    void get(const std::string& path, bool watches, std::function<void(zk::ErrorCode)> then) {
        const Begun begun = begins();
        const std::int64_t floor = x_workload.history.floor(path);
        client().get_data(path, watches ? watcher(path) : zk::Watcher{},
                          [this, begun, path, floor, watches,
                           then = std::move(then)](const zk::Answer<zk::NodeData>& answer) {
                              answered(begun, answer.error, answer.zxid);
                              if (answer.ok()) {
                                  const zk::Stat& stat = answer.value.stat;
                                  x_workload.history.read_answered(path, floor, stat.mzxid,
                                                                   to_text(answer.value.data));
                                  x_versions[path] = stat.version;
                                  state_seen(begun, path, stat.mzxid, watches);
                              } else if (!is_unknown(answer.error)) {
                                  x_world.violation(fmt::format("{} could not read {}: {}", x_name,
                                                                path, zk::name_of(answer.error)));
                              }
                              then(answer.error);
                          });
    }

    void list(bool watches, std::function<void(zk::ErrorCode)> then) {
        const std::string path = "/w/c";
        client().get_children(path, watches ? watcher(path) : zk::Watcher{},
                              [this, begun = begins(), path, watches,
                               then = std::move(then)](const zk::Answer<zk::NodeChildren>& answer) {
                                  answered(begun, answer.error, answer.zxid);
                                  if (answer.ok()) {
                                      state_seen(begun, path, answer.value.stat.pzxid, watches);
                                  }
                                  then(answer.error);
                              });
    }

    // The latest change of what is watched at a path, in the present session.
    void state_seen(const Begun& begun, const std::string& path, std::int64_t zxid, bool watches) {
        if (begun.session != x_session) {
            return;
        }
        const auto watched = x_watched.find(path);
        if (watched != x_watched.end() && zxid > watched->second) {
            x_world.violation(
                fmt::format("{} saw {} with zxid {:#x}, and no event had told of a change since "
                            "{:#x}",
                            x_name, path, zxid, watched->second));
            x_watched.erase(watched);
        }
        if (watches) {
            x_watched[path] = zxid;
        }
    }

    zk::Watcher watcher(const std::string& path) {
        return [this, path, session = x_session](const zk::WatchEvent& event) {
            ++x_workload.events;
            x_world.note(x_name, "event", fmt::format("{} {:#x}", path, event.zxid));
            if (session != x_session) {
                return;
            }
            if (event.zxid > 0 && x_last_zxid >= event.zxid) {
                x_world.violation(fmt::format("{} heard of {:#x} at {} after an answer from {:#x}",
                                              x_name, event.zxid, path, x_last_zxid));
            }
            x_watched.erase(path);
        };
    }

    World& x_world;
    std::string x_name;
    bool x_prepares;
    ZkWorkload& x_workload;
    std::string x_life;
    std::set<std::string> x_begun_registers;
    std::map<std::string, std::int32_t> x_versions;
    std::size_t x_outstanding = 0;
    std::uint64_t x_issued = 0;
    bool x_closing = false;
    // Of the present session.
    std::uint64_t x_session = 0;
    std::map<std::string, std::int64_t> x_watched;  // with the change that was seen last
    std::vector<std::string> x_ephemerals;
    std::optional<Instant> x_heard_at;  // when the latest request that was answered was sent
    std::int64_t x_last_zxid = 0;
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
        for (const std::string_view path : kTogether) {
            read(std::string(path));
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

std::vector<std::string> zk_paths_together() {
    return {std::begin(kTogether), std::end(kTogether)};
}

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
