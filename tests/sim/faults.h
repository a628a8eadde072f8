// What goes wrong in a world, and when: drawn from its chance.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace millrace::sim {

class Faults {
 public:
    struct Machines {
        std::vector<std::string> servers;
        std::vector<std::string> clients;
    };
    // The world outlives it.
    Faults(World& world, Machines machines) : x_world(world), x_machines(std::move(machines)) {}

    // Between the times given, some of all kinds of faults, or losses of power alone.
    void plan(Duration from, Duration to, bool power_only);
    std::size_t planned() const { return x_planned; }
    // Nothing goes wrong any more, and what went wrong is mended; but every server starts once more without what was not on its
    // disk: what is checked then comes from there.
    void heal();

 private:
    // One kind of fault; the server is the one that it hits, if it hits one.
    using Injection = void (Faults::*)(const std::string& server);
    static const std::vector<Injection>& injections();

    void lose_power(const std::string& server);
    void lose_power_everywhere(const std::string& server);
    void end_process(const std::string& server);
    void stop(const std::string& server);
    void crash_in_change(const std::string& server);
    void crash_in_recovery(const std::string& server);
    void cut(const std::string& server);
    void reset(const std::string& server);
    void slow_network(const std::string& server);
    void pause(const std::string& server);
    void slow_disk(const std::string& server);
    void fail_sync(const std::string& server);
    void fail_write(const std::string& server);
    void fail_read(const std::string& server);
    void fill_disk(const std::string& server);
    void jump_clock(const std::string& server);
    void crash_client(const std::string& server);
    void pause_client(const std::string& server);

    void die_at_start(const std::string& server, int times);
    void start_later(const std::string& machine);
    std::string any(const std::vector<std::string>& of);
    Duration length();
    CrashKind crash_kind();
    std::uint64_t change_number();
    // Unless all is quiet by then.
    void later(Duration delay, std::function<void()> then);

    World& x_world;
    Machines x_machines;
    std::size_t x_planned = 0;
    bool x_quiet = false;
};

}  // namespace millrace::sim
