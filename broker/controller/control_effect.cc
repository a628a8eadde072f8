// Effects as one line, for logs and test transcripts.
#include <fmt/ranges.h>

#include "broker/controller/control_effects.h"

namespace millrace::broker::controller {
namespace {

std::string line_of(const zk::MultiOp& op) {
    if (const auto* create = std::get_if<zk::CreateOp>(&op)) {
        return fmt::format("create {} {}", create->path, as_text(create->data));
    }
    if (const auto* remove = std::get_if<zk::DeleteOp>(&op)) {
        return fmt::format("delete {}", remove->path);
    }
    if (const auto* set = std::get_if<zk::SetDataOp>(&op)) {
        return fmt::format("set {} v{} {}", set->path, set->version, as_text(set->data));
    }
    const auto& check = std::get<zk::CheckOp>(op);
    return fmt::format("check {} v{}", check.path, check.version);
}

std::string line_of(const kafka::LeaderAndIsrRequest& request) {
    std::string line = "LeaderAndIsr";
    for (const auto& topic : request.topic_states) {
        for (const auto& partition : topic.partition_states) {
            line += fmt::format(" {}-{} leader={} epoch={} isr={}{}", topic.topic_name,
                                partition.partition_index, partition.leader, partition.leader_epoch,
                                fmt::join(partition.isr, ","), partition.is_new ? " new" : "");
        }
    }
    return line;
}

std::string line_of(const kafka::UpdateMetadataRequest& request) {
    std::string line = "UpdateMetadata brokers=";
    for (const auto& broker : request.live_brokers) {
        line += fmt::format("{}{}", line.back() == '=' ? "" : ",", broker.id);
    }
    for (const auto& topic : request.topic_states) {
        for (const auto& partition : topic.partition_states) {
            line +=
                fmt::format(" {}-{} leader={} epoch={}", topic.topic_name,
                            partition.partition_index, partition.leader, partition.leader_epoch);
        }
    }
    return line;
}

std::string line_of(const kafka::StopReplicaRequest& request) {
    std::string line = "StopReplica";
    for (const auto& topic : request.topic_states) {
        for (const auto& partition : topic.partition_states) {
            line +=
                fmt::format(" {}-{} epoch={}{}", topic.topic_name, partition.partition_index,
                            partition.leader_epoch, partition.delete_partition ? " delete" : "");
        }
    }
    return line;
}

struct Lines {
    std::string operator()(const ReadController&) const { return "read controller"; }
    std::string operator()(const ReadBrokers&) const { return "read brokers"; }
    std::string operator()(const ReadTopics&) const { return "read topics"; }
    std::string operator()(const ReadTopic& read) const { return "read topic " + read.topic; }
    std::string operator()(const ReadDeletions&) const { return "read deletions"; }
    std::string operator()(const ReadProducerIds&) const { return "read producer ids"; }
    std::string operator()(const Write& write) const {
        std::string line = fmt::format("write {}:", write.ticket.value());
        for (const zk::MultiOp& op : write.ops) {
            line += " [" + line_of(op) + "]";
        }
        return line;
    }
    std::string operator()(const DeleteTree& tree) const {
        return fmt::format("delete tree {}: {}", tree.ticket.value(), tree.path);
    }
    std::string operator()(const ClearNotifications&) const { return "clear notifications"; }
    std::string operator()(const Connect& connect) const {
        return fmt::format("connect {} {}:{}", connect.broker_id, connect.endpoint.host,
                           connect.endpoint.port);
    }
    std::string operator()(const Disconnect& disconnect) const {
        return fmt::format("disconnect {}", disconnect.broker_id);
    }
    std::string operator()(const Send& send) const {
        return fmt::format(
            "send {} {}", send.broker_id,
            std::visit([](const auto& request) { return line_of(request); }, send.request));
    }
    std::string operator()(const Answer& answer) const {
        if (const auto* ids = std::get_if<ProducerIdsAnswer>(&answer.answer)) {
            return fmt::format("answer {} producer ids error={} first={}", answer.token.value(),
                               name_of(ids->error), ids->first);
        }
        const auto& shutdown = std::get<ShutdownAnswer>(answer.answer);
        return fmt::format("answer {} shutdown error={} remaining={}", answer.token.value(),
                           name_of(shutdown.error), shutdown.remaining.size());
    }
    std::string operator()(const Elected& elected) const {
        return fmt::format("elected epoch={}", elected.epoch);
    }
    std::string operator()(const Resigned&) const { return "resigned"; }
};

}  // namespace

std::string to_string(const ControlEffect& effect) {
    return std::visit(Lines{}, effect);
}

}  // namespace millrace::broker::controller
