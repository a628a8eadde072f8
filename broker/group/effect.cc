// Effects as one line, for logs and test transcripts.
#include "broker/group/requests.h"

namespace millrace::broker::group {
namespace {

std::string line_of(const JoinResponse& response) {
    std::string line = fmt::format("join error={} member={} generation={} protocol={} leader={}",
                                   name_of(response.error), response.member_id, response.generation,
                                   response.protocol_name.value_or("-"), response.leader);
    for (const JoinedMember& member : response.members) {
        line += fmt::format(" +{}", member.member_id);
    }
    return response.skip_assignment ? line + " skip-assignment" : line;
}

std::string line_of(const SyncResponse& response) {
    return fmt::format("sync error={} assignment={}", name_of(response.error),
                       as_text(response.assignment));
}

std::string line_of_errors(std::string_view what, const std::vector<ErrorCode>& errors) {
    std::string line(what);
    for (const ErrorCode error : errors) {
        line += fmt::format(" {}", name_of(error));
    }
    return line;
}

std::string line_of(const LeaveResponse& response) {
    return line_of_errors(fmt::format("leave error={}", name_of(response.error)), response.members);
}

std::string line_of(const CommitResponse& response) {
    return line_of_errors("commit", response.offsets);
}

std::string line_of(const DeleteGroupResponse& response) {
    return fmt::format("delete-group error={}", name_of(response.error));
}

std::string line_of(const DeleteOffsetsResponse& response) {
    return line_of_errors(fmt::format("delete-offsets error={}", name_of(response.error)),
                          response.partitions);
}

}  // namespace

std::string to_string(const Effect& effect) {
    if (const auto* respond = std::get_if<Respond>(&effect)) {
        return fmt::format(
            "respond {} {}", respond->token.value(),
            std::visit([](const auto& response) { return line_of(response); }, respond->response));
    }
    const auto& append = std::get<Append>(effect);
    std::size_t tombstones = 0;
    for (const GroupRecord& record : append.records) {
        tombstones += record.value ? 0 : 1;
    }
    return fmt::format("append {} partition={} records={} tombstones={}", append.ticket.value(),
                       append.partition, append.records.size(), tombstones);
}

}  // namespace millrace::broker::group
