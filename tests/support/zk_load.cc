// Loads a ZooKeeper server through lib/zk's client and remembers what was acknowledged.
//   zk_load write SERVERS FILE WRITERS    writes until TERM; appends a line to FILE for every acknowledged write
//   zk_load verify SERVERS FILE           reads everything back; prints "N acknowledged writes, L lost", exit 1 if L > 0
// Each writer creates /load/wW/n1, n2, … and after each creation sets /load/wW to its number, as one multi every fourth time.
// A line is "PATH NUMBER": a created node holds exactly that number, a writer's own node that or a later one.
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "lib/base/check.h"
#include "lib/runtime/posix_runtime.h"
#include "lib/zk/client.h"

namespace millrace::testing {
namespace {

using zk::Answer;
using zk::ErrorCode;

zk::ClientOptions client_options(const std::string& servers) {
    Result<zk::ConnectString> parsed = zk::ConnectString::parse(servers);
    if (!parsed) {
        check_failed(servers, parsed.error().message);
    }
    zk::ClientOptions options;
    options.servers = std::move(*parsed);
    options.session_timeout = 20s;
    return options;
}

// --- write

class Load;

// One chain of writes: the next begins when the last is answered.
class Writer {
 public:
    Writer(Load& load, int number)
        : x_load(load),
          x_path(fmt::format("/load/w{}", number)),
          // Runs do not share names, so that a creation never meets a node of the run before.
          x_next(1) {}

    void begin();

 private:
    std::string node_path() const { return fmt::format("{}/n{}", x_path, x_next); }
    void create_node();
    void set_number();
    void write_both();
    void after(ErrorCode error, const std::vector<std::string>& acknowledged);

    Load& x_load;
    std::string x_path;
    std::int64_t x_next;
};

class Load {
 public:
    Load(runtime::PosixRuntime& runtime, const std::string& servers, const std::string& file)
        : x_file(std::fopen(file.c_str(), "a")),
          x_client(runtime.get().loop, runtime.get().network, client_options(servers),
                   [&runtime](zk::SessionEvent event) {
                       if (event == zk::SessionEvent::expired) {
                           runtime.stop(3);
                       }
                   }) {
        if (x_file == nullptr) {
            check_failed(file, "cannot be opened");
        }
    }
    ~Load() { std::fclose(x_file); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    void start(int writers) {
        x_client.start();
        x_client.create("/load", {}, zk::open_acl(), zk::CreateMode::persistent,
                        [this, writers](Answer<zk::Created>) {
                            for (int i = 0; i < writers; ++i) {
                                x_writers.push_back(std::make_unique<Writer>(*this, i));
                                x_writers.back()->begin();
                            }
                        });
    }

    // Kept by the kernel from here on, whatever happens to this process.
    void acknowledge(const std::string& path, std::int64_t number) {
        fmt::print(x_file, "{} {}\n", path, number);
        std::fflush(x_file);
    }
    zk::Client& client() { return x_client; }

 private:
    std::FILE* x_file;
    zk::Client x_client;
    std::vector<std::unique_ptr<Writer>> x_writers;
};

void Writer::begin() {
    x_load.client().create(x_path, as_bytes("0"), zk::open_acl(), zk::CreateMode::persistent,
                           [this](Answer<zk::Created> answer) {
                               if (answer.ok() || answer.error == ErrorCode::node_exists) {
                                   create_node();
                               } else {
                                   begin();
                               }
                           });
}

void Writer::after(ErrorCode error, const std::vector<std::string>& acknowledged) {
    if (error == ErrorCode::ok) {
        for (const std::string& path : acknowledged) {
            x_load.acknowledge(path, x_next);
        }
    }
}

void Writer::create_node() {
    if (x_next % 4 == 0) {
        write_both();
        return;
    }
    const std::string path = node_path();
    x_load.client().create(path, as_bytes(std::to_string(x_next)), zk::open_acl(),
                           zk::CreateMode::persistent, [this, path](Answer<zk::Created> answer) {
                               after(answer.error, {path});
                               set_number();
                           });
}

void Writer::set_number() {
    x_load.client().set_data(x_path, as_bytes(std::to_string(x_next)), zk::kAnyVersion,
                             [this](Answer<zk::Stat> answer) {
                                 after(answer.error, {x_path});
                                 ++x_next;
                                 create_node();
                             });
}

void Writer::write_both() {
    const Bytes number = to_bytes(std::to_string(x_next));
    const std::string path = node_path();
    x_load.client().multi(
        {zk::CreateOp{path, number, zk::open_acl()}, zk::SetDataOp{x_path, number}},
        [this, path](Answer<zk::MultiResults> answer) {
            after(answer.error, {path, x_path});
            ++x_next;
            create_node();
        });
}

int write(const std::string& servers, const std::string& file, int writers) {
    const auto runtime = runtime::make_posix_runtime({});
    runtime->on_terminate([&runtime] { runtime->stop(0); });
    Load load(*runtime, servers, file);
    load.start(writers);
    return runtime->run();
}

// --- verify

struct Expected {
    std::string path;
    std::int64_t number = 0;
};

// The highest number for each path; and how many lines there were.
std::pair<std::vector<Expected>, std::size_t> read_acknowledged(const std::string& file) {
    std::map<std::string, std::int64_t> highest;
    std::ifstream in(file);
    std::string path;
    std::int64_t number = 0;
    std::size_t lines = 0;
    while (in >> path >> number) {
        ++lines;
        std::int64_t& known = highest[path];
        known = std::max(known, number);
    }
    std::vector<Expected> expected;
    for (const auto& [at, value] : highest) {
        expected.push_back({at, value});
    }
    return {std::move(expected), lines};
}

// Reads every path, a bounded number at a time.
class Verifier {
 public:
    Verifier(zk::Client& client, std::vector<Expected> expected, std::function<void()> done)
        : x_client(client), x_expected(std::move(expected)), x_done(std::move(done)) {}

    void step() {
        constexpr std::size_t kAtOnce = 1000;
        while (x_asked < x_expected.size() && x_asked - x_answered < kAtOnce) {
            ask(x_asked++);
        }
        if (x_answered == x_expected.size()) {
            x_done();
        }
    }
    std::size_t lost() const { return x_lost; }

 private:
    void ask(std::size_t index) {
        x_client.get_data(x_expected[index].path, nullptr,
                          [this, index](Answer<zk::NodeData> answer) {
                              if (answer.error == ErrorCode::connection_loss) {
                                  ask(index);
                                  return;
                              }
                              judge(x_expected[index], answer);
                              ++x_answered;
                              step();
                          });
    }

    void judge(const Expected& expected, const Answer<zk::NodeData>& answer) {
        const std::string_view text = as_text(answer.value.data);
        std::int64_t found = 0;
        std::from_chars(text.data(), text.data() + text.size(), found);
        const bool created_node = expected.path.find("/n") != std::string::npos;
        const bool kept =
            answer.ok() && (created_node ? found == expected.number : found >= expected.number);
        if (!kept) {
            ++x_lost;
            fmt::print("lost: {} {} ({}, \"{}\")\n", expected.path, expected.number,
                       zk::name_of(answer.error), text);
        }
    }

    zk::Client& x_client;
    std::vector<Expected> x_expected;
    std::function<void()> x_done;
    std::size_t x_asked = 0;
    std::size_t x_answered = 0;
    std::size_t x_lost = 0;
};

int verify(const std::string& servers, const std::string& file) {
    const auto runtime = runtime::make_posix_runtime({});
    auto [expected, lines] = read_acknowledged(file);
    zk::Client client(runtime->get().loop, runtime->get().network, client_options(servers),
                      [](zk::SessionEvent) {});
    Verifier verifier(client, std::move(expected), [&runtime] { runtime->stop(0); });
    client.start();
    runtime->get().loop.post([&verifier] { verifier.step(); });
    runtime->run();
    fmt::print("{} acknowledged writes, {} lost\n", lines, verifier.lost());
    return lines > 0 && verifier.lost() == 0 ? 0 : 1;
}

int run(const std::vector<std::string>& arguments) {
    if (arguments.size() == 4 && arguments[0] == "write") {
        return write(arguments[1], arguments[2], std::stoi(arguments[3]));
    }
    if (arguments.size() == 3 && arguments[0] == "verify") {
        return verify(arguments[1], arguments[2]);
    }
    std::cerr << "usage: zk_load write SERVERS FILE WRITERS | zk_load verify SERVERS FILE\n";
    return 2;
}

}  // namespace
}  // namespace millrace::testing

int main(int count, char** values) {
    return millrace::testing::run({values + 1, values + count});
}
