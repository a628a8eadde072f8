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

    // The machine is down until start. A program that ends by itself is started again after this long; 0: never,
    // and its end is a violation.
    void add_machine(const std::string& name, Duration restart_after, MakeProgram make);
    void start(const std::string& name);
    // Nothing happens to a machine that is down already, except that it loses its power.
    void crash(const std::string& name, CrashKind kind);
    bool running(const std::string& name) const;
    SimDisk& disk(const std::string& name);

    void cut(const std::string& a, const std::string& b);
    void heal(const std::string& a, const std::string& b);
    // Added to every sync of the machine from now on.
    void slow_disk(const std::string& name, Duration extra);
    void jump_clock(const std::string& name, std::int64_t millis);

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
        Duration restart_after{};
        std::unique_ptr<SimDisk> disk;
        Duration sync_extra{};
        std::int64_t wall_offset_millis = 0;
        std::unique_ptr<Life> life;
        std::uint64_t lives = 0;
    };

    void end_life(const std::string& name, Machine& machine, CrashKind kind);
    void program_ended(const std::string& name, std::uint64_t life, const std::string& why);

    Trace x_trace;
    EventQueue x_events;
    Random x_random;
    Fabric x_fabric;
    std::map<std::string, Machine> x_machines;
    std::vector<std::string> x_violations;
};

}  // namespace millrace::sim
