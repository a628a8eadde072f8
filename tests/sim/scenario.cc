#include "tests/sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/faults.h"
#include "tests/sim/kafka_workload.h"
#include "tests/sim/servers.h"
#include "tests/sim/world.h"
#include "tests/sim/zk_workload.h"

namespace millrace::sim {

namespace {

constexpr Duration kRestart = 1s;  // of a server that ended by itself
// Election, sessions that must expire, a broker that waits for the end of its former session, back-offs.
constexpr Duration kProgressMax = 60s;
constexpr Duration kLyingFrom = 1s;
constexpr Duration kReadMax = 90s;
// Sessions of clients that lost theirs run out within this time.
constexpr Duration kExpiryMax = 25s;

class Scenario {
 public:
    explicit Scenario(const ScenarioOptions& options)
        : x_options(options),
          x_world(options.seed),
          x_zk([this](std::string what) { x_world.violation(std::move(what)); }),
          x_kafka([this](std::string what) { x_world.violation(std::move(what)); }) {
        x_world.trace().set_verbose(options.verbose);
        const std::uint64_t drawn = x_world.random().below(10);
        x_brokers = drawn < 2 ? 0 : drawn < 6 ? 1 : 3;
        if (options.brokers >= 0) {
            x_brokers = options.brokers;
        }
    }

    Outcome run() {
        add_servers();
        add_zk_clients();
        if (x_brokers > 0) {
            add_kafka_clients();
        }
        Random& random = x_world.random();
        const Duration fault_time = std::chrono::milliseconds(random.between(12'000, 30'000));
        Faults faults(x_world, {x_servers, x_clients});
        faults.plan(2s, fault_time - 1s, x_options.lying_disks);
        x_world.run_for(fault_time);
        faults.heal();
        if (await_progress()) {
            read_and_check();
        }
        return outcome(faults.planned());
    }

 private:
    Outcome outcome(std::size_t faults) {
        const auto made = std::ranges::count_if(
            x_kafka.topics, [](const auto& topic) { return topic.second.is_made; });
        return {.violations = x_world.violations(),
                .trace_hash = x_world.trace_hash(),
                .events = x_world.trace().events(),
                .brokers = static_cast<std::size_t>(x_brokers),
                .writes_acknowledged = x_zk.history.acknowledged(),
                .records_acknowledged = x_kafka.history.acknowledged(),
                .records_consumed = x_kafka.history.consumed_count(),
                .commits_acknowledged = x_kafka.group.acknowledged(),
                .topics_made = static_cast<std::size_t>(made),
                .watch_events = x_zk.events,
                .sessions_expired = x_zk.expirations,
                .faults = faults,
                .virtual_seconds = static_cast<double>(x_world.now().since_start.count()) * 1e-9};
    }

    void add_client(const std::string& name, MakeProgram make) {
        x_world.add_machine(name, {}, std::move(make));
        x_world.start(name);
        x_clients.push_back(name);
    }

    void add_server(const std::string& name, MachineOptions options, MakeProgram make) {
        x_servers.push_back(name);
        x_world.add_machine(name, std::move(options), std::move(make));
        x_world.start(name);
        if (x_options.lying_disks) {
            // What the first start writes is safe: the servers start again, with less than they acknowledged.
            x_world.events().after(kLyingFrom,
                                   [this, name] { x_world.disk(name).set_lying(true); });
        }
    }

    void add_servers() {
        Random& random = x_world.random();
        MachineOptions options{.restart_after = kRestart};
        add_server("coordinator", options, coordinator_program(draw_coordinator_options(random)));
        options.may_end = broker_may_end;
        options.tears_sectors = true;
        const ConfigSource settings = draw_broker_settings(random);
        for (int id = 1; id <= x_brokers; ++id) {
            const std::string name = fmt::format("broker-{}", id);
            add_server(name, options, broker_program(broker_config(settings, id, name)));
            x_kafka.bootstrap.push_back({name, kKafkaPort});
        }
    }

    void add_zk_clients() {
        const std::uint64_t clients = 1 + x_world.random().below(x_brokers == 0 ? 4 : 2);
        for (std::uint64_t i = 0; i < clients; ++i) {
            const std::string name = fmt::format("zk-{}", i);
            add_client(name, zk_client(x_world, name, i == 0, x_zk));
            x_zk_clients.push_back(name);
        }
    }

    void add_kafka_clients() {
        Random& random = x_world.random();
        add_client("topics", kafka_topic_maker(x_world, "topics", x_kafka));
        x_kafka_clients.emplace_back("topics");
        for (const std::int16_t acks : {std::int16_t{-1}, std::int16_t{1}}) {
            const std::string name = acks == 1 ? "producer-one" : "producer-all";
            if (random.chance(0.7)) {
                add_client(name, kafka_producer(x_world, name, acks, x_kafka));
                x_kafka_clients.push_back(name);
            }
        }
        add_client("idempotent", kafka_idempotent_producer(x_world, "idempotent", x_kafka));
        x_kafka_clients.emplace_back("idempotent");
        const std::uint64_t members = random.below(4);
        for (std::uint64_t i = 0; i < members; ++i) {
            const std::string name = fmt::format("member-{}", i);
            add_client(name, kafka_member(x_world, name, x_kafka));
            x_kafka_clients.push_back(name);
        }
        add_client("consumer", kafka_consumer(x_world, x_kafka));
    }

    // Clients that got nothing answered that they asked for since then.
    std::vector<std::string> stuck(Instant since) const {
        std::vector<std::string> names;
        const auto collect = [&](const auto& clients, const auto& answered) {
            for (const std::string& name : clients) {
                const auto found = answered.find(name);
                if (found == answered.end() || found->second < since) {
                    names.push_back(name);
                }
            }
        };
        collect(x_zk_clients, x_zk.answered_since);
        collect(x_kafka_clients, x_kafka.answered_since);
        return names;
    }

    std::vector<std::string> waiting() const {
        std::vector<std::string> names;
        for (const std::string& name : x_zk_clients) {
            if (!x_zk.closed.contains(name)) {
                names.push_back(name);
            }
        }
        for (const auto& [name, outstanding] : x_kafka.outstanding) {
            if (outstanding > 0) {
                names.push_back(name);
            }
        }
        return names;
    }

    bool await_progress() {
        const Instant since = x_world.now();
        if (!x_world.run_until([&] { return stuck(since).empty(); }, kProgressMax)) {
            x_world.violation(fmt::format("no progress within {} s after the last fault: {}",
                                          to_millis(kProgressMax) / 1'000,
                                          fmt::join(stuck(since), ", ")));
            return false;
        }
        x_zk.issuing = false;
        x_kafka.issuing = false;
        if (!x_world.run_until([&] { return waiting().empty(); }, kProgressMax)) {
            x_world.violation(
                fmt::format("requests stayed without an answer: {}", fmt::join(waiting(), ", ")));
            return false;
        }
        return true;
    }

    void read_and_check() {
        x_world.run_for(kExpiryMax);
        ZkFinal zk;
        KafkaFinal kafka;
        add_client("zk-reader", zk_reader(zk));
        if (x_brokers > 0) {
            add_client("reader", kafka_reader(x_world, x_kafka, kafka));
        }
        const bool is_read = x_world.run_until(
            [&] { return zk.done && (x_brokers == 0 || kafka.done()); }, kReadMax);
        for (const std::string& name : x_clients) {
            x_world.crash(name, CrashKind::power);  // the readers refer to zk and kafka
        }
        if (!is_read) {
            x_world.violation(fmt::format(
                "the final state could not be read: {} of {} partitions, offsets {}, topics {}",
                kafka.ends.size(), kPartitions, kafka.is_committed_read, kafka.are_topics_read));
            return;
        }
        x_zk.history.check_final(zk.nodes, zk_paths_together());
        for (const std::string& name : zk.ephemerals) {
            x_world.violation("an ephemeral node outlived its session: /w/eph/" + name);
        }
        if (x_brokers > 0) {
            check_kafka(kafka);
        }
    }

    void check_kafka(KafkaFinal& kafka) {
        for (std::int32_t i = 0; i < kPartitions; ++i) {
            x_kafka.history.check_final(i, kafka.logs[i]);
            x_kafka.group.offset_read(i, x_kafka.group.floor(i), kafka.committed[i]);
        }
        for (const auto& [name, made] : x_kafka.topics) {
            const auto found = kafka.topics.find(name);
            if (made.is_made && !made.is_deletion_asked && found == kafka.topics.end()) {
                x_world.violation(fmt::format("lost: topic {} was created and is gone", name));
            }
            if (made.is_deleted && found != kafka.topics.end()) {
                x_world.violation(fmt::format("topic {} was deleted and is there", name));
            }
            if (found != kafka.topics.end() && found->second != made.partitions) {
                x_world.violation(fmt::format("topic {} has {} partitions and was made with {}",
                                              name, found->second, made.partitions));
            }
        }
    }

    ScenarioOptions x_options;
    World x_world;
    ZkWorkload x_zk;
    KafkaWorkload x_kafka;
    int x_brokers = 0;
    std::vector<std::string> x_servers;
    std::vector<std::string> x_clients;
    std::vector<std::string> x_zk_clients;
    std::vector<std::string> x_kafka_clients;
};

}  // namespace

Outcome run_scenario(const ScenarioOptions& options) {
    return Scenario(options).run();
}

}  // namespace millrace::sim
