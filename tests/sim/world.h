// A world of machines in virtual time, all of whose chance comes from one seed. A machine runs one program at a time; a crash
// ends the program, and starting the machine again makes another one on the same disk.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/runtime/runtime.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_disk_pool.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/trace.h"

namespace millrace::sim {

// What a machine runs. It is destroyed at a crash: then its files answer errors, and nothing it does reaches anybody.
class Program {
 public:
    virtual ~Program() = default;
    // An error means that the program ends at once.
    virtual Status start() = 0;
    // Asks it to end in order; it says ended when it is done. Without an order of its own it ends at once.
    virtual bool stop() { return false; }
};

struct MachineOptions {
    // A program that ends by itself is started again after this long; 0: never.
    Duration restart_after{};
    // Whether it may end so by itself. Programs whose disk has failed, and programs that were stopped, may always.
    std::function<bool(const std::string& why)> may_end = [](const std::string&) { return false; };
    bool tears_sectors = false;  // see SimDisk
};

// runtime outlives the program; ended is to be called at most once, from a turn.
using MakeProgram = std::function<std::unique_ptr<Program>(const runtime::Runtime& runtime,
                                                           std::function<void(std::string)> ended)>;

class World {
 public:
    explicit World(std::uint64_t seed);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // The machine is down until start. An end that may not be is a violation.
    void add_machine(const std::string& name, MachineOptions options, MakeProgram make);
    void start(const std::string& name);
    // Nothing happens to a machine that is down already, except that it loses its power.
    void crash(const std::string& name, CrashKind kind);
    bool running(const std::string& name) const;
    SimDisk& disk(const std::string& name);

    // Asks the program to end in order, if it runs. It starts again by itself as after any end.
    void stop(const std::string& name);
    // The program runs on after so long, and finds that time has passed.
    void pause(const std::string& name, Duration length);

    // What one machine sends to another waits until the link is healed.
    void cut(const std::string& from, const std::string& to);
    void heal(const std::string& from, const std::string& to);
    void reset_connections(const std::string& name, double probability);
    // Delays of up to so much to and from the machine.
    void slow_network(const std::string& name, Duration extra);

    // Added to every sync of the machine from now on.
    void slow_disk(const std::string& name, Duration extra);
    void jump_clock(const std::string& name, std::int64_t millis);
    // The next operation of the kind fails. After a failed sync of a log the program must end.
    void fail_disk(const std::string& name, DiskFault kind);
    // Its files may grow by so much; absent: there is room again.
    void fill_disk(const std::string& name, std::optional<std::uint64_t> room);
    // Crashes the machine in the middle of the given number of changes of its files from now on. then runs when it has.
    void crash_in_change(const std::string& name, std::uint64_t number, CrashKind kind,
                         std::function<void()> then);

    void run_for(Duration duration);
    // False when the condition did not come true in the time given.
    bool run_until(const std::function<bool()>& condition, Duration at_most);

    Instant now() const { return x_events.now(); }
    EventQueue& events() { return x_events; }
    Random& random() { return x_random; }
    Trace& trace() { return x_trace; }
    std::uint64_t trace_hash() const { return x_trace.hash(); }
    void note(const std::string& machine, std::string_view kind, std::string_view text) {
        x_trace.record(now(), machine, kind, text);
    }
    // Something that must not be: kept for the report.
    void violation(std::string what);
    const std::vector<std::string>& violations() const { return x_violations; }

 private:
    struct Life;
    struct Machine {
        MakeProgram make;
        MachineOptions options;
        bool stopping = false;
        std::unique_ptr<SimDisk> disk;
        Duration sync_extra{};
        std::int64_t wall_offset_millis = 0;
        std::unique_ptr<Life> life;
        std::uint64_t lives = 0;  // counts crashes too: what was planned before one is void
    };

    void end_life(const std::string& name, Machine& machine, CrashKind kind);
    void program_ended(const std::string& name, std::uint64_t life, const std::string& why);
    bool may_end(const Machine& machine, const std::string& why) const;
    void disk_failed(const std::string& name, DiskFault kind, const std::string& path);

    Trace x_trace;
    EventQueue x_events;
    Random x_random;
    Fabric x_fabric;
    std::map<std::string, Machine> x_machines;
    std::vector<std::string> x_violations;
};

}  // namespace millrace::sim
