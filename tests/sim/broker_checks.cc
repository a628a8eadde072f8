#include "tests/sim/broker_checks.h"

#include "lib/base/check.h"

namespace millrace::sim {

using broker::replica::Leadership;
using broker::replica::Partition;

void BrokerChecks::look() {
    CHECK(x_node.controller_epoch() >= x_controller_epoch,
          "requests of old controllers are refused");
    x_controller_epoch = x_node.controller_epoch();
    CHECK(!x_node.metadata().invariants(), "topics and their ids agree");
    if (x_node.replicas() == nullptr) {
        return;
    }
    std::map<std::pair<std::string, std::int32_t>, Seen> seen;
    for (const Partition* partition : x_node.replicas()->all()) {
        const broker::log::PartitionLog& log = partition->log();
        const Seen now{partition->leadership(), log.log_start_offset(), log.high_watermark(),
                       log.log_end_offset()};
        CHECK(
            now.log_start_offset <= now.high_watermark && now.high_watermark <= now.log_end_offset,
            "log start <= high watermark <= log end");
        const auto topic_id = log.topic_id();
        const std::pair key(topic_id ? topic_id->to_string() : partition->id().topic,
                            partition->id().partition);
        if (const auto before = x_seen.find(key); before != x_seen.end()) {
            compare(*partition, before->second, now);
        }
        seen.emplace(key, now);
    }
    x_seen = std::move(seen);
}

void BrokerChecks::compare(const Partition& partition, const Seen& before, const Seen& now) {
    const Leadership& old = before.leadership;
    const Leadership& latest = now.leadership;
    CHECK(latest.leader_epoch >= old.leader_epoch, "a leader epoch never falls");
    CHECK(latest.partition_epoch >= old.partition_epoch, "a partition epoch never falls");
    CHECK(latest.controller_epoch >= old.controller_epoch, "a controller epoch never falls");
    // A stopped replica knows no leader.
    const bool told_both = old.leader >= 0 && latest.leader >= 0;
    CHECK(!told_both || latest.leader_epoch > old.leader_epoch || latest.leader == old.leader,
          "a leader epoch has one leader");
    CHECK(now.high_watermark >= before.high_watermark, "a high watermark never falls");
    CHECK(now.log_start_offset >= before.log_start_offset, "a log start never falls");
    CHECK(!partition.leads() || now.log_end_offset >= before.log_end_offset,
          "the log of a leader never shrinks");
}

}  // namespace millrace::sim
