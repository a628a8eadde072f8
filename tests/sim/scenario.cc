#include "tests/sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/kafka_workload.h"
#include "tests/sim/servers.h"
#include "tests/sim/world.h"
#include "tests/sim/zk_workload.h"

namespace millrace::sim {

namespace {

constexpr Duration kBrokerRestart = 1s;
// Election, sessions that must expire, a broker that waits for the end of its former session, back-offs.
constexpr Duration kProgressMax = 60s;
constexpr Duration kLyingFrom = 1s;
constexpr Duration kReadMax = 60s;

class Scenario {
 public:
    explicit Scenario(const ScenarioOptions& options)
        : x_options(options),
          x_broker_config(draw_config(options)),
          x_world(options.seed),
          x_zk([this](std::string what) { x_world.violation(std::move(what)); }),
          x_kafka([this](std::string what) { x_world.violation(std::move(what)); }) {
        x_world.trace().set_verbose(options.verbose);
    }

    Outcome run() {
        set_up();
        plan_faults();
        x_world.run_for(x_fault_time);
        heal();
        if (await_progress()) {
            read_and_check();
        }
        return {.violations = x_world.violations(),
                .trace_hash = x_world.trace_hash(),
                .events = x_world.trace().events(),
                .writes_acknowledged = x_zk.history.acknowledged(),
                .records_acknowledged = x_kafka.history.acknowledged(),
                .records_consumed = x_kafka.history.consumed_count(),
                .faults = x_faults,
                .virtual_seconds = static_cast<double>(x_world.now().since_start.count()) * 1e-9};
    }

 private:
    static Config draw_config(const ScenarioOptions& options) {
        Random random(options.seed ^ 0x6b61666b61ULL);
        return draw_broker_config(random, "broker");
    }

    void add_client(const std::string& name, MakeProgram make) {
        x_world.add_machine(name, 0s, std::move(make));
        x_world.start(name);
        x_clients.push_back(name);
    }

    void set_up() {
        Random& random = x_world.random();
        x_servers.push_back("coordinator");
        x_world.add_machine("coordinator", 0s,
                            coordinator_program(draw_coordinator_options(random)));
        if (x_options.with_broker) {
            x_servers.push_back("broker");
            x_world.add_machine("broker", kBrokerRestart, broker_program(x_broker_config));
        }
        for (const std::string& server : x_servers) {
            x_world.start(server);
            if (x_options.lying_disks) {
                // What the first start writes is safe: the servers start again, with less than they acknowledged.
                x_world.events().after(kLyingFrom,
                                       [this, server] { x_world.disk(server).set_lying(true); });
            }
        }
        const std::uint64_t zk_clients = 1 + random.below(4);
        for (std::uint64_t i = 0; i < zk_clients; ++i) {
            const std::string name = fmt::format("zk-{}", i);
            add_client(name, zk_client(x_world, name, i == 0, x_zk));
            x_zk_clients.push_back(name);
        }
        if (!x_options.with_broker) {
            return;
        }
        const std::uint64_t producers = 1 + random.below(2);
        for (std::uint64_t i = 0; i < producers; ++i) {
            const std::string name = fmt::format("producer-{}", i);
            add_client(name, kafka_producer(x_world, name, i == 0, x_kafka));
            x_producers.push_back(name);
        }
        add_client("consumer", kafka_consumer(x_world, x_kafka));
    }

    enum class Fault { power, process, cut, slow_disk, clock };

    void plan_faults() {
        Random& random = x_world.random();
        x_fault_time = std::chrono::milliseconds(random.between(12'000, 30'000));
        // Some kinds are left out of a run, so that the others meet each other more often.
        std::vector<Fault> kinds;
        for (const Fault kind :
             {Fault::power, Fault::process, Fault::cut, Fault::slow_disk, Fault::clock}) {
            if (random.chance(0.6)) {
                kinds.push_back(kind);
            }
        }
        if (kinds.empty() || x_options.lying_disks) {
            kinds = {Fault::power};
        }
        x_faults = 1 + random.below(8);
        for (std::size_t i = 0; i < x_faults; ++i) {
            const Duration at =
                std::chrono::milliseconds(random.between(2'000, to_millis(x_fault_time) - 1'000));
            const Fault kind = kinds[random.below(kinds.size())];
            x_world.events().after(at, [this, kind] { inject(kind); });
        }
    }

    void inject(Fault kind) {
        if (x_quiet) {
            return;
        }
        Random& random = x_world.random();
        const std::string server = x_servers[random.below(x_servers.size())];
        const Duration length = std::chrono::milliseconds(
            random.chance(0.3) ? random.between(4'000, 12'000) : random.between(10, 2'000));
        switch (kind) {
            case Fault::power:
            case Fault::process:
                x_world.crash(server, kind == Fault::power ? CrashKind::power : CrashKind::process);
                x_world.events().after(length, [this, server] { x_world.start(server); });
                break;
            case Fault::cut:
                cut(server, length);
                break;
            case Fault::slow_disk:
                x_world.slow_disk(server, std::chrono::milliseconds(random.between(20, 1'500)));
                x_world.events().after(length, [this, server] { x_world.slow_disk(server, 0s); });
                break;
            case Fault::clock:
                x_world.jump_clock(server, random.between(-30'000, 30'000));
                break;
        }
    }

    void cut(const std::string& server, Duration length) {
        Random& random = x_world.random();
        std::vector<std::string> others = x_clients;
        others.insert(others.end(), x_servers.begin(), x_servers.end());
        const bool all = random.chance(0.3);
        const std::string chosen = others[random.below(others.size())];
        for (const std::string& other : others) {
            if (other != server && (all || other == chosen)) {
                x_world.cut(server, other);
                x_cuts.emplace_back(server, other);
                x_world.events().after(length,
                                       [this, server, other] { x_world.heal(server, other); });
            }
        }
    }

    void heal() {
        x_quiet = true;
        for (const auto& [a, b] : x_cuts) {
            x_world.heal(a, b);
        }
        for (const std::string& server : x_servers) {
            x_world.slow_disk(server, 0s);
            // Once more without power: what is checked below comes from the disks.
            x_world.crash(server, CrashKind::power);
            x_world.start(server);
        }
    }

    bool all_progressed(Instant since) const {
        const auto progressed = [&](const auto& clients, const auto& answered) {
            return std::ranges::all_of(clients, [&](const std::string& name) {
                const auto found = answered.find(name);
                return found != answered.end() && found->second >= since;
            });
        };
        return progressed(x_zk_clients, x_zk.answered_since) &&
               progressed(x_producers, x_kafka.answered_since);
    }

    bool await_progress() {
        const Instant since = x_world.now();
        if (!x_world.run_until([&] { return all_progressed(since); }, kProgressMax)) {
            x_world.violation(
                fmt::format("no progress for every client within {} s after the last fault",
                            to_millis(kProgressMax) / 1'000));
            return false;
        }
        x_zk.issuing = false;
        x_kafka.issuing = false;
        const auto idle = [&] {
            return x_zk.closed.size() == x_zk_clients.size() &&
                   std::ranges::all_of(x_kafka.outstanding,
                                       [](const auto& entry) { return entry.second == 0; });
        };
        if (!x_world.run_until(idle, kProgressMax)) {
            x_world.violation("requests stayed without an answer");
            return false;
        }
        return true;
    }

    void read_and_check() {
        // Sessions of clients that lost theirs run out.
        x_world.run_for(25s);
        ZkFinal zk;
        KafkaFinal kafka;
        add_client("zk-reader", zk_reader(zk));
        if (x_options.with_broker) {
            add_client("reader", kafka_reader(x_world, kafka));
        }
        const std::size_t partitions =
            x_options.with_broker ? static_cast<std::size_t>(kPartitions) : 0;
        const bool is_read =
            x_world.run_until([&] { return zk.done && kafka.ends.size() == partitions; }, kReadMax);
        for (const std::string& name : {std::string("zk-reader"), std::string("reader")}) {
            if (name == "zk-reader" || x_options.with_broker) {
                x_world.crash(name, CrashKind::power);  // it refers to zk and kafka
            }
        }
        if (!is_read) {
            x_world.violation("the final state could not be read");
            return;
        }
        x_zk.history.check_final(zk.nodes);
        for (const std::string& name : zk.ephemerals) {
            x_world.violation("an ephemeral node outlived its session: /w/eph/" + name);
        }
        for (std::int32_t i = 0; i < static_cast<std::int32_t>(partitions); ++i) {
            x_kafka.history.check_final(i, kafka.logs[i]);
        }
    }

    ScenarioOptions x_options;
    Config x_broker_config;
    World x_world;
    ZkWorkload x_zk;
    KafkaWorkload x_kafka;
    std::vector<std::string> x_servers;
    std::vector<std::string> x_clients;
    std::vector<std::string> x_zk_clients;
    std::vector<std::string> x_producers;
    std::vector<std::pair<std::string, std::string>> x_cuts;
    Duration x_fault_time{};
    std::size_t x_faults = 0;
    bool x_quiet = false;
};

}  // namespace

Outcome run_scenario(const ScenarioOptions& options) {
    return Scenario(options).run();
}

}  // namespace millrace::sim
