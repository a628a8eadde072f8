#include "broker/api/group_service.h"
#include "broker/api/handlers.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;
using kafka::TopicPartition;

// Calls visit(i) for every partition of a request in order, and opens a topic of the answer where the request does.
template <class Response, class Topics>
Response commit_answer(const Topics& topics, const std::vector<ErrorCode>& errors) {
    Response response;
    std::size_t at = 0;
    for (const auto& topic : topics) {
        auto& answers = response.topics.emplace_back();
        answers.name = topic.name;
        for (const auto& partition : topic.partitions) {
            auto& answer = answers.partitions.emplace_back();
            answer.partition_index = partition.partition_index;
            answer.error_code =
                wire_code(at < errors.size() ? errors[at] : ErrorCode::unknown_server_error);
            ++at;
        }
    }
    return response;
}

// The partitions of a request that a group is asked about; those of unknown topics are answered without it.
struct Split {
    std::vector<ErrorCode> errors;   // for each partition of the request in its order
    std::vector<std::size_t> asked;  // places in errors of those that the group decides

    void add(bool known) {
        errors.push_back(known ? ErrorCode::none : ErrorCode::unknown_topic_or_partition);
        if (known) {
            asked.push_back(errors.size() - 1);
        }
    }
    // With the outcomes of those asked about.
    std::vector<ErrorCode> with(const std::vector<ErrorCode>& outcomes) const {
        std::vector<ErrorCode> all = errors;
        for (std::size_t i = 0; i < asked.size(); ++i) {
            all[asked[i]] = i < outcomes.size() ? outcomes[i] : ErrorCode::unknown_server_error;
        }
        return all;
    }
};

// One group as versions 8 and later ask for it; older versions are turned into one.
using AskedGroup = kafka::OffsetFetchRequest::Group;
using AnsweredGroup = kafka::OffsetFetchResponse::Group;

AnsweredGroup fetch_group(Services& services, const AskedGroup& asked, bool require_stable) {
    group::FetchRequest fetch{
        .group_id = asked.group_id, .partitions = std::nullopt, .require_stable = require_stable};
    if (asked.topics) {
        fetch.partitions.emplace();
        for (const auto& topic : *asked.topics) {
            for (const std::int32_t partition : topic.partition_indexes) {
                fetch.partitions->push_back({topic.name, kafka::PartitionId(partition)});
            }
        }
    }
    const group::FetchResponse found = services.groups.core().fetch(fetch);
    AnsweredGroup answer;
    answer.group_id = asked.group_id;
    answer.error_code = wire_code(found.error);
    for (const group::FetchedOffset& offset : found.offsets) {
        if (answer.topics.empty() || answer.topics.back().name != offset.at.topic) {
            answer.topics.emplace_back().name = offset.at.topic;
        }
        answer.topics.back().partitions.push_back({.partition_index = offset.at.partition.value(),
                                                   .committed_offset = offset.offset,
                                                   .committed_leader_epoch = offset.leader_epoch,
                                                   .metadata = offset.metadata,
                                                   .error_code = wire_code(offset.error)});
    }
    return answer;
}

// Versions 0 and 1 have no error of the whole: it is repeated for each partition.
void spread_error(const AskedGroup& asked, AnsweredGroup& answer) {
    if (answer.error_code == 0 || !asked.topics || !answer.topics.empty()) {
        return;
    }
    for (const auto& topic : *asked.topics) {
        auto& answers = answer.topics.emplace_back();
        answers.name = topic.name;
        for (const std::int32_t partition : topic.partition_indexes) {
            answers.partitions.push_back({.partition_index = partition,
                                          .committed_offset = -1,
                                          .committed_leader_epoch = -1,
                                          .metadata = "",
                                          .error_code = answer.error_code});
        }
    }
}

}  // namespace

void handle_offset_commit(Services& services, kafka::OffsetCommitRequest request,
                          Call<kafka::OffsetCommitRequest> call) {
    GroupService& groups = services.groups;
    group::CommitRequest commit;
    commit.group_id = request.group_id;
    commit.generation = request.generation_id_or_member_epoch;
    commit.member_id = request.member_id;
    commit.group_instance_id = request.group_instance_id;
    if (request.retention_time_ms >= 0) {
        commit.retention_ms = request.retention_time_ms;
    }
    Split split;
    for (const auto& topic : request.topics) {
        for (const auto& partition : topic.partitions) {
            split.add(services.metadata.partition(topic.name, partition.partition_index) !=
                      nullptr);
            if (split.errors.back() != ErrorCode::none) {
                continue;
            }
            commit.offsets.push_back(
                {.at = {topic.name, kafka::PartitionId(partition.partition_index)},
                 .offset = partition.committed_offset,
                 .leader_epoch = partition.committed_leader_epoch,
                 .metadata = partition.committed_metadata.value_or(""),
                 .commit_timestamp = partition.commit_timestamp >= 0
                                         ? std::optional(partition.commit_timestamp)
                                         : std::nullopt});
        }
    }
    if (split.asked.empty() && !split.errors.empty()) {
        call.respond(commit_answer<kafka::OffsetCommitResponse>(request.topics, split.errors));
        return;
    }
    const group::Token token = groups.expect(
        [call, topics = std::move(request.topics), split](const group::Response& response) {
            const auto& outcomes = std::get<group::CommitResponse>(response).offsets;
            call.respond(commit_answer<kafka::OffsetCommitResponse>(topics, split.with(outcomes)));
        });
    groups.perform(groups.core().commit(token, commit, groups.moment()));
}

void handle_offset_fetch(Services& services, kafka::OffsetFetchRequest request,
                         Call<kafka::OffsetFetchRequest> call) {
    kafka::OffsetFetchResponse response;
    if (call.version() >= 8) {
        for (const AskedGroup& asked : request.groups) {
            response.groups.push_back(fetch_group(services, asked, request.require_stable));
        }
        call.respond(response);
        return;
    }
    AskedGroup asked;
    asked.group_id = request.group_id;
    asked.topics.reset();  // null asks for all
    if (request.topics) {
        asked.topics.emplace();
        for (const auto& topic : *request.topics) {
            asked.topics->push_back({topic.name, topic.partition_indexes});
        }
    }
    AnsweredGroup answer = fetch_group(services, asked, request.require_stable);
    if (call.version() < 2) {
        spread_error(asked, answer);
    }
    response.error_code = answer.error_code;
    for (const auto& topic : answer.topics) {
        auto& answers = response.topics.emplace_back();
        answers.name = topic.name;
        for (const auto& partition : topic.partitions) {
            answers.partitions.push_back({partition.partition_index, partition.committed_offset,
                                          partition.committed_leader_epoch, partition.metadata,
                                          partition.error_code});
        }
    }
    call.respond(response);
}

void handle_offset_delete(Services& services, kafka::OffsetDeleteRequest request,
                          Call<kafka::OffsetDeleteRequest> call) {
    GroupService& groups = services.groups;
    group::DeleteOffsetsRequest remove{.group_id = request.group_id, .partitions = {}};
    Split split;
    for (const auto& topic : request.topics) {
        for (const auto& partition : topic.partitions) {
            split.add(services.metadata.topic(topic.name) != nullptr);
            if (split.errors.back() == ErrorCode::none) {
                remove.partitions.push_back(
                    {topic.name, kafka::PartitionId(partition.partition_index)});
            }
        }
    }
    const group::Token token = groups.expect([call, topics = std::move(request.topics),
                                              split](const group::Response& response) {
        const auto& answer = std::get<group::DeleteOffsetsResponse>(response);
        kafka::OffsetDeleteResponse wire;
        if (answer.error == ErrorCode::none) {
            wire =
                commit_answer<kafka::OffsetDeleteResponse>(topics, split.with(answer.partitions));
        }
        wire.error_code = wire_code(answer.error);
        call.respond(wire);
    });
    groups.perform(groups.core().delete_offsets(token, remove, groups.moment()));
}

}  // namespace millrace::broker::api
