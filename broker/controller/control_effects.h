// What the controller asks its owner to do: read and write ZooKeeper, talk to brokers, answer requests.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "broker/controller/control_requests.h"
#include "lib/base/strong_id.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/ids.h"
#include "lib/zk/client.h"

namespace millrace::broker::controller {

using ControlToken = StrongId<struct ControlTokenTag, std::uint64_t>;
using WriteTicket = StrongId<struct WriteTicketTag, std::uint64_t>;

// Reads. Each leaves a watch and is answered by the member function named.
struct ReadController {
};  // /controller and /controller_epoch (made with "0" if absent): controller_read
struct ReadBrokers {};  // children of /brokers/ids, each with data and czxid: brokers_read
struct ReadTopics {};   // children of /brokers/topics: topics_read
struct ReadTopic {      // the topic node, the children of partitions, their states: topic_read
    std::string topic;
};
struct ReadDeletions {};    // children of /admin/delete_topics: deletions_read
struct ReadProducerIds {};  // /latest_producer_id_block, no watch: producer_ids_read
// A multi; written() gets its outcome. The first operation checks the controller epoch except in the election itself.
struct Write {
    WriteTicket ticket;
    std::vector<zk::MultiOp> ops;
};
// Delete a node with all below it, children first, each in a multi with this check; absent nodes are fine. written().
struct DeleteTree {
    WriteTicket ticket;
    std::string path;
    zk::CheckOp epoch;
};
// Delete all children of /isr_change_notification and /log_dir_event_notification under the check. No outcome.
struct ClearNotifications {
    zk::CheckOp epoch;
};
// A broker to talk to from now on, and no longer.
struct Connect {
    std::int32_t broker_id = -1;
    std::int64_t epoch = -1;
    Endpoint endpoint;
};
struct Disconnect {
    std::int32_t broker_id = -1;
};
struct Send {
    std::int32_t broker_id = -1;
    ControlRequest request;
};
struct ShutdownAnswer {
    kafka::ErrorCode error = kafka::ErrorCode::none;
    std::vector<kafka::TopicPartition> remaining;
};
struct ProducerIdsAnswer {
    kafka::ErrorCode error = kafka::ErrorCode::none;
    std::int64_t first = -1;
    std::int32_t count = 0;
};
struct Answer {
    ControlToken token;
    std::variant<ShutdownAnswer, ProducerIdsAnswer> answer;
};
// For the log and for metrics.
struct Elected {
    std::int32_t epoch = 0;
};
struct Resigned {};

using ControlEffect =
    std::variant<ReadController, ReadBrokers, ReadTopics, ReadTopic, ReadDeletions, ReadProducerIds,
                 Write, DeleteTree, ClearNotifications, Connect, Disconnect, Send, Answer, Elected,
                 Resigned>;
using ControlEffects = std::vector<ControlEffect>;

// One line for logs and test transcripts.
std::string to_string(const ControlEffect& effect);

}  // namespace millrace::broker::controller
