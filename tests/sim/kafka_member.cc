// A member of a consumer group that reads nothing: it commits offsets of its own making, each greater than the last.
#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/groups.h"
#include "lib/kafka/metadata.h"
#include "tests/sim/kafka_workload.h"

namespace millrace::sim {

namespace {

using kafka::ErrorCode;

constexpr Duration kAgain = 300ms;
constexpr Duration kHeartbeat = 1s;
constexpr std::int32_t kSessionMillis = 6'000;
constexpr std::int32_t kRebalanceMillis = 4'000;
constexpr kafka::VersionRange kFindOne{1, 3};
constexpr kafka::VersionRange kJoin{2, 5};
constexpr kafka::VersionRange kOneGroup{1, 7};
constexpr kafka::VersionRange kCommit{2, 7};

// Every request goes to the coordinator over one connection. Whatever fails, the member drops it and joins again: so nothing of
// an earlier generation is on its way when it commits in a later one.
class MemberProgram : public Program {
 public:
    MemberProgram(const runtime::Runtime& runtime, World& world, const std::string& name,
                  KafkaWorkload& workload)
        : x_runtime(runtime),
          x_loop(runtime.loop),
          x_world(world),
          x_name(name),
          x_workload(workload),
          x_cluster(runtime.loop, runtime.network, workload.bootstrap, cluster_options(name)) {
        x_workload.new_life(x_name);
        x_workload.outstanding[x_name] = 0;
    }

    Status start() override {
        begin();
        return {};
    }

 private:
    void begin() {
        if (!x_workload.prepared) {
            x_loop.run_after(kAgain, [this] { begin(); });
            return;
        }
        find();
    }

    // Answers of what was begun before count no more.
    void again(std::string_view why) {
        x_world.note(x_name, "again", why);
        ++x_round;
        x_workload.outstanding[x_name] = 0;
        x_owned.clear();
        if (x_client != nullptr) {
            // The client may be the one that is calling right now: it goes in a later turn.
            x_client->disconnect();
            x_loop.post([gone = std::shared_ptr<kafka::Client>(std::move(x_client))] {});
        }
        x_loop.run_after(kAgain, [this, round = x_round] {
            if (round == x_round) {
                find();
            }
        });
    }

    template <class Request, class Then>
    void ask(Request request, kafka::VersionRange versions, Then then) {
        x_client->send<Request>(
            std::move(request), versions,
            [this, round = x_round, then](const Result<kafka::ResponseOf<Request>>& response) {
                if (round != x_round) {
                    return;
                }
                if (response) {
                    then(*response);
                } else {
                    again(response.error().message);
                }
            });
    }

    void find() {
        x_cluster.call<kafka::FindCoordinatorRequest>(
            kafka::AnyBroker{}, {.key = std::string(kGroup), .key_type = 0, .coordinator_keys = {}},
            [this](const Result<kafka::FindCoordinatorResponse>& response) {
                if (!response || response->error_code != 0) {
                    again("no coordinator");
                    return;
                }
                kafka::ClientOptions options = cluster_options(x_name).connection;
                options.request_timeout = 8s;
                x_client = std::make_unique<kafka::Client>(
                    x_loop, x_runtime.network,
                    runtime::Endpoint{response->host, static_cast<std::uint16_t>(response->port)},
                    options);
                join();
            },
            {.versions = kFindOne});
    }

    void join() {
        kafka::JoinGroupRequest request;
        request.group_id = kGroup;
        request.session_timeout_ms = kSessionMillis;
        request.rebalance_timeout_ms = kRebalanceMillis;
        request.member_id = x_member_id;
        request.protocol_type = "consumer";
        request.protocols.push_back({.name = "own", .metadata = {}});
        ask(std::move(request), kJoin, [this](const kafka::JoinGroupResponse& response) {
            const ErrorCode error = kafka::error_from_wire(response.error_code);
            if (error == ErrorCode::member_id_required) {
                x_member_id = response.member_id;
                join();
                return;
            }
            if (error != ErrorCode::none) {
                forget_member(error);
                return;
            }
            x_member_id = response.member_id;
            x_generation = response.generation_id;
            sync(response);
        });
    }

    void forget_member(ErrorCode error) {
        if (error == ErrorCode::unknown_member_id || error == ErrorCode::fenced_instance_id) {
            x_member_id.clear();
        }
        again(kafka::name_of(error));
    }

    void sync(const kafka::JoinGroupResponse& joined) {
        kafka::SyncGroupRequest request;
        request.group_id = kGroup;
        request.generation_id = x_generation;
        request.member_id = x_member_id;
        if (joined.leader == x_member_id && !joined.members.empty()) {
            std::vector<Bytes> shares(joined.members.size());
            for (std::int32_t i = 0; i < kPartitions; ++i) {
                shares[static_cast<std::size_t>(i) % shares.size()].push_back(
                    static_cast<std::byte>(i));
            }
            for (std::size_t i = 0; i < shares.size(); ++i) {
                request.assignments.push_back(
                    {.member_id = joined.members[i].member_id, .assignment = shares[i]});
            }
        }
        ask(std::move(request), {0, 3}, [this](const kafka::SyncGroupResponse& response) {
            const ErrorCode error = kafka::error_from_wire(response.error_code);
            if (error != ErrorCode::none) {
                forget_member(error);
                return;
            }
            std::vector<std::int32_t> partitions;
            for (const std::byte partition : response.assignment) {
                partitions.push_back(static_cast<std::int32_t>(partition));
            }
            x_world.note(x_name, "assigned",
                         fmt::format("generation {}, {}", x_generation, partitions.size()));
            x_workload.group.assigned(x_generation, x_member_id, partitions);
            plan_heartbeat();
            read_offsets(partitions);
        });
    }

    void plan_heartbeat() {
        x_loop.run_after(kHeartbeat, [this, round = x_round] {
            if (round != x_round) {
                return;
            }
            kafka::HeartbeatRequest request;
            request.group_id = kGroup;
            request.generation_id = x_generation;
            request.member_id = x_member_id;
            ask(std::move(request), {0, 3}, [this](const kafka::HeartbeatResponse& response) {
                const ErrorCode error = kafka::error_from_wire(response.error_code);
                if (error == ErrorCode::none) {
                    x_workload.answered(x_name, x_loop.now());
                    plan_heartbeat();
                } else {
                    forget_member(error);
                }
            });
        });
    }

    void read_offsets(const std::vector<std::int32_t>& partitions) {
        if (partitions.empty()) {
            return;
        }
        kafka::OffsetFetchRequest request;
        request.group_id = kGroup;
        request.topics.emplace().push_back(
            {.name = std::string(kTopic), .partition_indexes = partitions});
        std::map<std::int32_t, std::int64_t> floors;
        for (const std::int32_t partition : partitions) {
            floors[partition] = x_workload.group.floor(partition);
        }
        ask(std::move(request), kOneGroup,
            [this, floors](const kafka::OffsetFetchResponse& response) {
                const ErrorCode error = kafka::error_from_wire(response.error_code);
                if (error != ErrorCode::none || response.topics.empty()) {
                    again(kafka::name_of(error));
                    return;
                }
                for (const auto& partition : response.topics[0].partitions) {
                    const std::int32_t index = partition.partition_index;
                    x_workload.group.offset_read(index, floors.at(index),
                                                 partition.committed_offset);
                    x_owned[index] = std::max<std::int64_t>(partition.committed_offset, 0);
                }
                plan_commit();
            });
    }

    void plan_commit() {
        x_loop.run_after(std::chrono::milliseconds(x_loop.random().between(20, 600)),
                         [this, round = x_round] {
                             if (round == x_round) {
                                 commit();
                             }
                         });
    }

    void commit() {
        if (!x_workload.issuing) {
            return;
        }
        kafka::OffsetCommitRequest request;
        request.group_id = kGroup;
        request.generation_id_or_member_epoch = x_generation;
        request.member_id = x_member_id;
        auto& topic = request.topics.emplace_back();
        topic.name = kTopic;
        for (auto& [partition, offset] : x_owned) {
            offset += x_loop.random().between(1, 5);
            auto& item = topic.partitions.emplace_back();
            item.partition_index = partition;
            item.committed_offset = offset;
            item.committed_metadata = "";
            x_workload.group.commit_sent(partition, offset);
        }
        ++x_workload.outstanding[x_name];
        ask(std::move(request), kCommit,
            [this, begun = x_loop.now(),
             sent = x_owned](const kafka::OffsetCommitResponse& answer) {
                --x_workload.outstanding[x_name];
                committed(begun, sent, answer);
            });
    }

    void committed(Instant begun, const std::map<std::int32_t, std::int64_t>& sent,
                   const kafka::OffsetCommitResponse& answer) {
        ErrorCode error = answer.topics.empty() ? ErrorCode::unknown_server_error : ErrorCode::none;
        for (const auto& topic : answer.topics) {
            for (const auto& partition : topic.partitions) {
                const ErrorCode own = kafka::error_from_wire(partition.error_code);
                x_world.note(x_name, "commit", kafka::name_of(own));
                if (own == ErrorCode::none) {
                    x_workload.group.commit_acknowledged(partition.partition_index,
                                                         sent.at(partition.partition_index));
                    x_workload.answered(x_name, begun);
                } else {
                    error = own;
                }
            }
        }
        if (error == ErrorCode::none) {
            plan_commit();
        } else {
            forget_member(error);
        }
    }

    runtime::Runtime x_runtime;
    runtime::Loop& x_loop;
    World& x_world;
    std::string x_name;
    KafkaWorkload& x_workload;
    kafka::ClusterClient x_cluster;
    std::unique_ptr<kafka::Client> x_client;
    std::uint64_t x_round = 0;
    std::string x_member_id;
    std::int32_t x_generation = -1;
    std::map<std::int32_t, std::int64_t> x_owned;  // the last offset committed or read
};

}  // namespace

MakeProgram kafka_member(World& world, std::string name, KafkaWorkload& workload) {
    return [&world, name, &workload](const runtime::Runtime& runtime,
                                     const std::function<void(std::string)>&) {
        return std::make_unique<MemberProgram>(runtime, world, name, workload);
    };
}

}  // namespace millrace::sim
