#include "tests/sim/world.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::sim {

namespace {

// How long after an operation of its disk failed an end of a program is put down to it.
constexpr Duration kSickFor = 10s;
// How long a server may take to end after a sync of its log failed.
constexpr Duration kEndsWithin = 5s;

}  // namespace

struct World::Life {
    Life(World& world, const std::string& name, Machine& machine)
        : loop(world.x_events, machine.wall_offset_millis, world.x_random.next()),
          network(world.x_fabric, loop, name),
          files(*machine.disk),
          disk(loop, *machine.disk, machine.sync_extra, world.x_random.next()) {}

    SimLoop loop;
    SimNetwork network;
    SimFileSystem files;
    SimDiskPool disk;
    std::unique_ptr<Program> program;
};

World::World(std::uint64_t seed) : x_random(seed), x_fabric(x_events, x_trace, x_random.next()) {}

World::~World() {
    for (auto& [name, machine] : x_machines) {
        if (machine.life != nullptr) {
            end_life(name, machine, CrashKind::power);
        }
    }
    x_events.clear();
}

void World::add_machine(const std::string& name, MachineOptions options, MakeProgram make) {
    Machine& machine = x_machines[name];
    machine.make = std::move(make);
    machine.options = std::move(options);
    machine.disk = std::make_unique<SimDisk>(x_events, x_random.next());
    machine.disk->set_tears(machine.options.tears_sectors);
    machine.wall_offset_millis = x_random.between(-2'000, 2'000);
}

bool World::running(const std::string& name) const {
    return x_machines.at(name).life != nullptr;
}

SimDisk& World::disk(const std::string& name) {
    return *x_machines.at(name).disk;
}

void World::start(const std::string& name) {
    Machine& machine = x_machines.at(name);
    if (machine.life != nullptr) {
        return;
    }
    note(name, "start", "");
    machine.life = std::make_unique<Life>(*this, name, machine);
    machine.stopping = false;
    Life& life = *machine.life;
    const std::uint64_t number = ++machine.lives;
    x_fabric.attach(name, &life.network);
    life.program = machine.make(
        runtime::Runtime{life.loop, life.network, life.files, life.disk},
        [this, name, number](const std::string& why) {
            // Not in the turn of the loop that goes.
            x_events.after(0s, [this, name, number, why] { program_ended(name, number, why); });
        });
    life.loop.turn([&] {
        if (const Status started = life.program->start(); !started) {
            x_events.after(0s, [this, name, number, why = started.error().to_string()] {
                program_ended(name, number, "cannot start: " + why);
            });
        }
    });
}

void World::program_ended(const std::string& name, std::uint64_t life, const std::string& why) {
    Machine& machine = x_machines.at(name);
    if (machine.life == nullptr || machine.lives != life) {
        return;
    }
    note(name, "ended", why);
    if (!may_end(machine, why)) {
        violation(fmt::format("{} ended: {}", name, why));
    }
    end_life(name, machine, CrashKind::process);
    if (machine.options.restart_after == 0s) {
        return;
    }
    x_events.after(machine.options.restart_after, [this, name, life] {
        if (x_machines.at(name).lives == life) {
            start(name);
        }
    });
}

bool World::may_end(const Machine& machine, const std::string& why) const {
    const SimDisk& disk = *machine.disk;
    const bool is_sick =
        disk.is_sick() || (disk.failed_at() > Instant{} && now() - disk.failed_at() < kSickFor);
    return machine.stopping || is_sick || machine.options.may_end(why);
}

void World::stop(const std::string& name) {
    Machine& machine = x_machines.at(name);
    if (machine.life == nullptr || machine.life->loop.paused()) {
        return;
    }
    note(name, "stop", "");
    machine.stopping = true;
    bool ends_itself = false;
    machine.life->loop.turn([&] { ends_itself = machine.life->program->stop(); });
    if (!ends_itself) {
        program_ended(name, machine.lives, "stopped");
    }
}

void World::pause(const std::string& name, Duration length) {
    Machine& machine = x_machines.at(name);
    if (machine.life != nullptr) {
        note(name, "pause", std::to_string(to_millis(length)));
        machine.life->loop.pause_until(now() + length);
    }
}

void World::crash(const std::string& name, CrashKind kind) {
    Machine& machine = x_machines.at(name);
    note(name, "crash", kind == CrashKind::power ? "power" : "process");
    if (machine.life != nullptr) {
        end_life(name, machine, kind);
    } else if (kind == CrashKind::power) {
        machine.disk->crash(kind);
        x_fabric.unplug(name);
    }
    // A restart that was planned belongs to the life before.
    ++machine.lives;
}

void World::end_life(const std::string& name, Machine& machine, CrashKind kind) {
    const std::unique_ptr<Life> life = std::move(machine.life);
    machine.disk->crash(kind);
    if (kind == CrashKind::power) {
        life->network.go_silent();
        x_fabric.unplug(name);
    } else {
        x_fabric.attach(name, nullptr);
    }
    life->program.reset();
    life->disk.end();
    life->loop.end();
    life->network.end();
}

void World::cut(const std::string& from, const std::string& to) {
    note(from, "cut", to);
    x_fabric.cut(from, to);
}

void World::heal(const std::string& from, const std::string& to) {
    if (x_fabric.heal(from, to)) {
        note(from, "heal", to);
    }
}

void World::reset_connections(const std::string& name, double probability) {
    note(name, "reset", "");
    x_fabric.reset_connections(name, probability);
}

void World::slow_network(const std::string& name, Duration extra) {
    note(name, "slow-net", std::to_string(to_millis(extra)));
    x_fabric.slow(name, extra);
}

void World::slow_disk(const std::string& name, Duration extra) {
    note(name, "slow", std::to_string(to_millis(extra)));
    x_machines.at(name).sync_extra = extra;
}

void World::jump_clock(const std::string& name, std::int64_t millis) {
    note(name, "clock", std::to_string(millis));
    x_machines.at(name).wall_offset_millis += millis;
}

void World::fail_disk(const std::string& name, DiskFault kind) {
    note(name, "fail", std::to_string(static_cast<int>(kind)));
    x_machines.at(name).disk->fail_next(
        kind, [this, name, kind](const std::string& path) { disk_failed(name, kind, path); });
}

void World::disk_failed(const std::string& name, DiskFault kind, const std::string& path) {
    note(name, "failed", path);
    const std::string file = path.substr(path.rfind('/') + 1);
    if (kind != DiskFault::sync || !(file.starts_with("log.") || file.ends_with(".log"))) {
        return;
    }
    const Machine& failed = x_machines.at(name);
    x_events.after(kEndsWithin, [this, name, path, life = failed.lives] {
        const Machine& machine = x_machines.at(name);
        if (machine.life != nullptr && machine.lives == life && !machine.life->loop.paused()) {
            violation(fmt::format("{} goes on after a failed sync of {}", name, path));
        }
    });
}

void World::fill_disk(const std::string& name, std::optional<std::uint64_t> room) {
    note(name, "room", room ? std::to_string(*room) : "enough");
    x_machines.at(name).disk->set_room(room);
}

void World::crash_in_change(const std::string& name, std::uint64_t number, CrashKind kind,
                            std::function<void()> then) {
    note(name, "dies-in", std::to_string(number));
    x_machines.at(name).disk->die_in_change(number, [this, name, kind, then = std::move(then)] {
        Machine& machine = x_machines.at(name);
        if (machine.life != nullptr) {
            machine.life->network.go_silent();
        }
        // Not in the turn of the loop that goes.
        x_events.after(0s, [this, name, kind, then] {
            crash(name, kind);
            then();
        });
    });
}

void World::run_for(Duration duration) {
    const Instant until = now() + duration;
    while (x_events.run_next(until)) {
    }
}

bool World::run_until(const std::function<bool()>& condition, Duration at_most) {
    const Instant until = now() + at_most;
    while (!condition()) {
        if (!x_events.run_next(until)) {
            return condition();
        }
    }
    return true;
}

void World::violation(std::string what) {
    note("world", "wrong", what);
    x_violations.push_back(std::move(what));
}

}  // namespace millrace::sim
