// What must hold of a running broker at every moment, looked at again and again while it runs.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "broker/replica/partition.h"
#include "broker/server/node.h"

namespace millrace::sim {

class BrokerChecks {
 public:
    // The node outlives the checks; both belong to one life of the broker.
    explicit BrokerChecks(broker::server::Node& node) : x_node(node) {}

    // Ends the process with a message when something does not hold.
    void look();

 private:
    struct Seen {
        broker::replica::Leadership leadership;
        std::int64_t log_start_offset = 0;
        std::int64_t high_watermark = 0;
        std::int64_t log_end_offset = 0;
    };
    static void compare(const broker::replica::Partition& partition, const Seen& before,
                        const Seen& now);

    broker::server::Node& x_node;
    std::int32_t x_controller_epoch = 0;
    // By topic id and partition: a topic that is made again begins anew.
    std::map<std::pair<std::string, std::int32_t>, Seen> x_seen;
};

}  // namespace millrace::sim
