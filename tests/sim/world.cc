#include "tests/sim/world.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::sim {

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

void World::add_machine(const std::string& name, Duration restart_after, MakeProgram make) {
    Machine& machine = x_machines[name];
    machine.make = std::move(make);
    machine.restart_after = restart_after;
    machine.disk = std::make_unique<SimDisk>(x_events, x_random.next());
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
    end_life(name, machine, CrashKind::process);
    if (machine.restart_after == 0s) {
        violation(fmt::format("{} ended: {}", name, why));
        return;
    }
    x_events.after(machine.restart_after, [this, name, life] {
        if (x_machines.at(name).lives == life) {
            start(name);
        }
    });
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

void World::cut(const std::string& a, const std::string& b) {
    note(a, "cut", b);
    x_fabric.cut(a, b);
}

void World::heal(const std::string& a, const std::string& b) {
    note(a, "heal", b);
    x_fabric.heal(a, b);
}

void World::slow_disk(const std::string& name, Duration extra) {
    note(name, "slow", std::to_string(to_millis(extra)));
    x_machines.at(name).sync_extra = extra;
}

void World::jump_clock(const std::string& name, std::int64_t millis) {
    note(name, "clock", std::to_string(millis));
    x_machines.at(name).wall_offset_millis += millis;
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
