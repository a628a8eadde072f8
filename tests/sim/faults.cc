#include "tests/sim/faults.h"

#include <array>

#include "lib/base/check.h"

namespace millrace::sim {

void Faults::plan(Duration from, Duration to, bool power_only) {
    Random& random = x_world.random();
    // Most kinds are left out of a run, so that the others meet each other more often.
    const double share = std::array{0.15, 0.35, 0.7}[random.below(3)];
    std::vector<Injection> kinds;
    for (const Injection kind : injections()) {
        if (random.chance(share)) {
            kinds.push_back(kind);
        }
    }
    if (kinds.empty() || power_only) {
        kinds = {&Faults::lose_power};
    }
    x_planned = 1 + random.below(10);
    for (std::size_t i = 0; i < x_planned; ++i) {
        const Duration at =
            std::chrono::milliseconds(random.between(to_millis(from), to_millis(to)));
        const Injection kind = kinds[random.below(kinds.size())];
        later(at, [this, kind] { (this->*kind)(any(x_machines.servers)); });
    }
}

const std::vector<Faults::Injection>& Faults::injections() {
    static const std::vector<Injection> all = {
        &Faults::lose_power,
        &Faults::lose_power_everywhere,
        &Faults::end_process,
        &Faults::stop,
        &Faults::crash_in_change,
        &Faults::crash_in_recovery,
        &Faults::cut,
        &Faults::reset,
        &Faults::slow_network,
        &Faults::pause,
        &Faults::slow_disk,
        &Faults::fail_sync,
        &Faults::fail_write,
        &Faults::fail_read,
        &Faults::fill_disk,
        &Faults::jump_clock,
        &Faults::crash_client,
        &Faults::pause_client,
    };
    return all;
}

void Faults::heal() {
    x_quiet = true;
    std::vector<std::string> all = x_machines.servers;
    all.insert(all.end(), x_machines.clients.begin(), x_machines.clients.end());
    for (const std::string& one : all) {
        for (const std::string& other : all) {
            x_world.heal(one, other);
        }
        x_world.slow_network(one, 0s);
        x_world.slow_disk(one, 0s);
        x_world.fill_disk(one, {});
    }
    for (const std::string& server : x_machines.servers) {
        x_world.crash(server, CrashKind::power);
        x_world.start(server);
    }
    for (const std::string& client : x_machines.clients) {
        x_world.start(client);
    }
}

void Faults::lose_power(const std::string& server) {
    x_world.crash(server, CrashKind::power);
    start_later(server);
}

void Faults::lose_power_everywhere(const std::string&) {
    for (const std::string& each : x_machines.servers) {
        lose_power(each);
    }
}

void Faults::end_process(const std::string& server) {
    x_world.crash(server, CrashKind::process);
    start_later(server);
}

void Faults::stop(const std::string& server) {
    x_world.stop(server);
    // Sometimes the power goes when all is in order, or before it is.
    if (x_world.random().chance(0.5)) {
        later(std::chrono::milliseconds(x_world.random().between(1, 1'500)),
              [this, server] { lose_power(server); });
    }
}

void Faults::crash_in_change(const std::string& server) {
    x_world.crash_in_change(server, change_number(), crash_kind(),
                            [this, server] { start_later(server); });
}

void Faults::crash_in_recovery(const std::string& server) {
    x_world.crash(server, crash_kind());
    die_at_start(server, static_cast<int>(1 + x_world.random().below(3)));
}

void Faults::die_at_start(const std::string& server, int times) {
    later(length(), [this, server, times] {
        if (times == 0) {
            x_world.start(server);
            return;
        }
        x_world.crash_in_change(server, change_number(), crash_kind(), [this, server, times] {
            if (x_quiet) {
                x_world.start(server);
            } else {
                die_at_start(server, times - 1);
            }
        });
        x_world.start(server);
    });
}

void Faults::reset(const std::string& server) {
    x_world.reset_connections(server, x_world.random().chance(0.5) ? 1.0 : 0.3);
}

void Faults::slow_network(const std::string& server) {
    x_world.slow_network(server, std::chrono::milliseconds(x_world.random().between(20, 3'000)));
    later(length(), [this, server] { x_world.slow_network(server, 0s); });
}

// From one other machine or from all; in one direction or in both.
void Faults::cut(const std::string& server) {
    Random& random = x_world.random();
    std::vector<std::string> others = x_machines.servers;
    others.insert(others.end(), x_machines.clients.begin(), x_machines.clients.end());
    if (!random.chance(0.3)) {
        others = {any(others)};
    }
    const std::uint64_t direction = random.below(4);
    const Duration lasts = length();
    for (const std::string& other : others) {
        if (other == server) {
            continue;
        }
        if (direction != 0) {
            x_world.cut(server, other);
        }
        if (direction != 1) {
            x_world.cut(other, server);
        }
        later(lasts, [this, server, other] {
            x_world.heal(server, other);
            x_world.heal(other, server);
        });
    }
}

void Faults::pause(const std::string& server) {
    x_world.pause(server, length());
}

void Faults::slow_disk(const std::string& server) {
    x_world.slow_disk(server, std::chrono::milliseconds(x_world.random().between(20, 1'500)));
    later(length(), [this, server] { x_world.slow_disk(server, 0s); });
}

void Faults::fail_sync(const std::string& server) {
    x_world.fail_disk(server, DiskFault::sync);
}

void Faults::fail_write(const std::string& server) {
    x_world.fail_disk(server, DiskFault::write);
}

void Faults::fail_read(const std::string& server) {
    x_world.fail_disk(server, DiskFault::read);
}

void Faults::fill_disk(const std::string& server) {
    x_world.fill_disk(server, x_world.random().below(3'000));
    later(length(), [this, server] { x_world.fill_disk(server, {}); });
}

void Faults::jump_clock(const std::string& server) {
    x_world.jump_clock(server, x_world.random().between(-3'600'000, 3'600'000));
}

void Faults::crash_client(const std::string&) {
    const std::string client = any(x_machines.clients);
    x_world.crash(client, crash_kind());
    start_later(client);
}

void Faults::pause_client(const std::string&) {
    x_world.pause(any(x_machines.clients), length());
}

void Faults::start_later(const std::string& machine) {
    later(length(), [this, machine] { x_world.start(machine); });
}

std::string Faults::any(const std::vector<std::string>& of) {
    CHECK(!of.empty());
    return of[x_world.random().below(of.size())];
}

// Some outlast the timeouts of sessions.
Duration Faults::length() {
    Random& random = x_world.random();
    return std::chrono::milliseconds(random.chance(0.4) ? random.between(5'500, 13'000)
                                                        : random.between(10, 2'000));
}

CrashKind Faults::crash_kind() {
    return x_world.random().chance(0.7) ? CrashKind::power : CrashKind::process;
}

std::uint64_t Faults::change_number() {
    Random& random = x_world.random();
    return 1 + random.below(random.chance(0.7) ? 12 : 150);
}

void Faults::later(Duration delay, std::function<void()> then) {
    x_world.events().after(delay, [this, then = std::move(then)] {
        if (!x_quiet) {
            then();
        }
    });
}

}  // namespace millrace::sim
