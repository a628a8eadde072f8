#include <fmt/format.h>

#include "lib/kafka/error_code.h"
#include "lib/kafka/topics.h"
#include "tests/sim/kafka_workload.h"

namespace millrace::sim {

namespace {

using kafka::ErrorCode;

constexpr Duration kAgain = 300ms;
constexpr kafka::VersionRange kDeleteByName{1, 5};

// One request at a time. A topic that is there already was made by an attempt whose answer was lost: nobody else has its name.
class TopicMakerProgram : public Program {
 public:
    TopicMakerProgram(const runtime::Runtime& runtime, World& world, const std::string& name,
                      KafkaWorkload& workload)
        : x_loop(runtime.loop),
          x_world(world),
          x_name(name),
          x_life(workload.new_life(name)),
          x_workload(workload),
          x_cluster(runtime.loop, runtime.network, workload.bootstrap, cluster_options(name)) {
        x_workload.outstanding[x_name] = 0;
    }

    Status start() override {
        if (x_workload.prepared) {
            plan();
        } else {
            create(std::string(kTopic), kPartitions, [this](bool made) {
                x_workload.prepared = x_workload.prepared || made;
                start_again();
            });
        }
        return {};
    }

 private:
    void start_again() {
        x_loop.run_after(kAgain, [this] { (void)start(); });
    }

    void plan() {
        x_loop.run_after(std::chrono::milliseconds(x_loop.random().between(200, 3'000)), [this] {
            if (!x_workload.issuing) {
                plan();
                return;
            }
            const bool deletes = !x_own.empty() && x_loop.random().chance(0.3);
            if (deletes) {
                delete_one();
            } else {
                make_one();
            }
        });
    }

    void make_one() {
        const std::string topic = fmt::format("{}-{}", x_life, ++x_made);
        const auto partitions = static_cast<std::int32_t>(x_loop.random().between(1, 3));
        x_workload.topics[topic].partitions = partitions;
        create(topic, partitions, [this, topic](bool made) {
            if (made) {
                x_workload.topics[topic].is_made = true;
                x_own.push_back(topic);
            }
            plan();
        });
    }

    void create(const std::string& topic, std::int32_t partitions,
                std::move_only_function<void(bool)> then) {
        kafka::CreateTopicsRequest request;
        request.timeout_ms = 5'000;
        request.topics.push_back({.name = topic,
                                  .num_partitions = partitions,
                                  .replication_factor = 1,
                                  .assignments = {},
                                  .configs = {}});
        ++x_workload.outstanding[x_name];
        x_cluster.call<kafka::CreateTopicsRequest>(
            kafka::TheController{}, std::move(request),
            [this, topic, begun = x_loop.now(),
             then = std::move(then)](const Result<kafka::CreateTopicsResponse>& response) mutable {
                --x_workload.outstanding[x_name];
                const ErrorCode error = response && !response->topics.empty()
                                            ? kafka::error_from_wire(response->topics[0].error_code)
                                            : ErrorCode::unknown_server_error;
                x_world.note(x_name, "create", fmt::format("{} {}", topic, kafka::name_of(error)));
                const bool made =
                    error == ErrorCode::none || error == ErrorCode::topic_already_exists;
                if (made) {
                    x_workload.answered(x_name, begun);
                }
                then(made);
            },
            {.error_of = first_error<kafka::CreateTopicsResponse>});
    }

    void delete_one() {
        const std::size_t which = x_loop.random().below(x_own.size());
        const std::string topic = x_own[which];
        x_own.erase(x_own.begin() + static_cast<std::ptrdiff_t>(which));
        x_workload.topics[topic].is_deletion_asked = true;
        kafka::DeleteTopicsRequest request;
        request.topic_names.push_back(topic);
        request.timeout_ms = 5'000;
        ++x_workload.outstanding[x_name];
        x_cluster.call<kafka::DeleteTopicsRequest>(
            kafka::TheController{}, std::move(request),
            [this, topic](const Result<kafka::DeleteTopicsResponse>& response) {
                --x_workload.outstanding[x_name];
                const ErrorCode error =
                    response && !response->responses.empty()
                        ? kafka::error_from_wire(response->responses[0].error_code)
                        : ErrorCode::unknown_server_error;
                x_world.note(x_name, "delete", fmt::format("{} {}", topic, kafka::name_of(error)));
                x_workload.topics[topic].is_deleted = error == ErrorCode::none;
                plan();
            },
            {.versions = kDeleteByName, .error_of = first_deletion_error});
    }

    template <class Response>
    static ErrorCode first_error(const Response& response) {
        return response.topics.empty() ? ErrorCode::none
                                       : kafka::error_from_wire(response.topics[0].error_code);
    }
    // Unknown topics are the end of a deletion, not a reason to ask again.
    static ErrorCode first_deletion_error(const kafka::DeleteTopicsResponse& response) {
        const ErrorCode error = response.responses.empty()
                                    ? ErrorCode::none
                                    : kafka::error_from_wire(response.responses[0].error_code);
        return error == ErrorCode::unknown_topic_or_partition ? ErrorCode::none : error;
    }

    runtime::Loop& x_loop;
    World& x_world;
    std::string x_name;
    std::string x_life;
    KafkaWorkload& x_workload;
    kafka::ClusterClient x_cluster;
    std::vector<std::string> x_own;  // made and not deleted
    std::uint64_t x_made = 0;
};

}  // namespace

MakeProgram kafka_topic_maker(World& world, std::string name, KafkaWorkload& workload) {
    return [&world, name, &workload](const runtime::Runtime& runtime,
                                     const std::function<void(std::string)>&) {
        return std::make_unique<TopicMakerProgram>(runtime, world, name, workload);
    };
}

}  // namespace millrace::sim
