// kafka-topics.sh: create, list, describe, alter and delete topics through a broker.
#include <fmt/format.h>
#include <re2/re2.h>

#include <array>
#include <cstdio>

#include "cli/command.h"
#include "cli/event_runner.h"
#include "cli/kafka_connection.h"
#include "cli/output/topic_lines.h"
#include "cli/topic_options.h"
#include "lib/kafka/topic_name.h"

namespace millrace::cli {
namespace {

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kDefaultSource = 5;  // DescribeConfigs: neither the topic nor a broker set it

using kafka::ErrorCode;

struct Target {
    EventRunner& runner;
    kafka::ClusterClient& cluster;
    const Options& options;
    std::int32_t timeout_ms;
    std::set<std::int32_t> brokers;  // those that live, once topics were asked for
};

template <class Request>
Result<kafka::ResponseOf<Request>> ask(Target& target, kafka::Target whom, Request request,
                                       kafka::ClusterClient::Plan<Request> plan = {}) {
    return target.runner.await<Result<kafka::ResponseOf<Request>>>([&](auto then) {
        target.cluster.call<Request>(std::move(whom), std::move(request), std::move(then),
                                     std::move(plan));
    });
}

// A broker that is no longer the controller says so in each item, not at the top.
template <class Response>
ErrorCode not_controller_of(const Response& response) {
    const auto& items = [&]() -> const auto& {
        if constexpr (requires { response.topics; }) {
            return response.topics;
        } else if constexpr (requires { response.responses; }) {
            return response.responses;
        } else {
            return response.results;
        }
    }();
    const bool moved =
        !items.empty() && items.front().error_code == kafka::to_wire(ErrorCode::not_controller);
    return moved ? ErrorCode::not_controller : ErrorCode::none;
}

template <class Request>
Result<kafka::ResponseOf<Request>> ask_controller(Target& target, Request request) {
    kafka::ClusterClient::Plan<Request> plan;
    plan.error_of = not_controller_of<kafka::ResponseOf<Request>>;
    return ask(target, kafka::TheController{}, std::move(request), std::move(plan));
}

// The topics whose whole name the expression of --topic matches; all without one.
Result<std::vector<kafka::MetadataResponse::Topic>> matching_topics(Target& target) {
    const kafka::MetadataResponse response = TRY(fetch_metadata(target.runner, target.cluster, {}));
    for (const auto& broker : response.brokers) {
        target.brokers.insert(broker.node_id);
    }
    std::string expression = target.options.text_or("topic", ".*");
    std::ranges::replace(expression, ',', '|');
    const RE2 pattern(expression, RE2::Quiet);
    if (!pattern.ok()) {
        return fail(Errc::invalid_argument, fmt::format("{} is an invalid regex.", expression));
    }
    std::vector<kafka::MetadataResponse::Topic> topics;
    for (const auto& topic : response.topics) {
        const bool wanted = RE2::FullMatch(topic.name.value_or(""), pattern);
        if (wanted && !(topic.is_internal && target.options.has("exclude-internal"))) {
            topics.push_back(topic);
        }
    }
    std::ranges::sort(topics, {}, [](const auto& topic) { return topic.name.value_or(""); });
    const bool may_be_none = target.options.has("if-exists") || target.options.has("list");
    if (topics.empty() && target.options.has("topic") && !may_be_none) {
        return fail(Errc::not_found, fmt::format("Topic '{}' does not exist as expected",
                                                 *target.options.text("topic")));
    }
    return topics;
}

Result<kafka::CreateTopicsRequest> creation(const Target& target) {
    kafka::CreateTopicsRequest request;
    request.timeout_ms = target.timeout_ms;
    auto& topic = request.topics.emplace_back();
    topic.name = target.options.text_or("topic", "");
    topic.replication_factor = TRY(replication_factor_of(target.options)).value_or(-1);
    topic.num_partitions = TRY(partitions_of(target.options)).value_or(-1);
    if (const auto text = target.options.text("replica-assignment")) {
        std::int32_t index = 0;
        for (auto& brokers : TRY(parse_assignment(*text))) {
            topic.assignments.push_back(
                {.partition_index = index++, .broker_ids = std::move(brokers)});
        }
    }
    for (const std::string& pair : target.options.all("config")) {
        auto [name, value] = TRY(parse_setting(pair));
        topic.configs.push_back({.name = std::move(name), .value = std::move(value)});
    }
    return request;
}

Status create(Target& target) {
    kafka::CreateTopicsRequest request = TRY(creation(target));
    const std::string name = request.topics.front().name;
    if (name.find_first_of("._") != std::string::npos) {
        fmt::print(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore "
            "('_') could collide. To avoid issues it is best to use either, but not both.\n");
    }
    const auto response = TRY(ask_controller(target, std::move(request)));
    if (response.topics.empty()) {
        return fail(Errc::malformed, "the controller's answer names no topic");
    }
    const auto& topic = response.topics.front();
    const ErrorCode code = kafka::error_from_wire(topic.error_code);
    if (code == ErrorCode::topic_already_exists && target.options.has("if-not-exists")) {
        return {};
    }
    if (code != ErrorCode::none) {
        return fail(Errc::invalid_argument, error_text(topic.error_code, topic.error_message));
    }
    fmt::print("Created topic {}.\n", name);
    return {};
}

Status list(Target& target) {
    std::vector<std::string> names;
    for (const auto& topic : TRY(matching_topics(target))) {
        names.push_back(topic.name.value_or(""));
    }
    // Without topics the Java tool prints an empty line.
    fmt::print("{}\n", fmt::join(names, "\n"));
    return {};
}

struct TopicSettings {
    std::map<std::string, std::string> differing;
    std::int32_t min_isr = 1;
};

Result<std::map<std::string, TopicSettings>> fetch_settings(
    Target& target, const std::vector<kafka::MetadataResponse::Topic>& topics) {
    kafka::DescribeConfigsRequest request;
    for (const auto& topic : topics) {
        request.resources.push_back({.resource_type = kTopicResource,
                                     .resource_name = topic.name.value_or(""),
                                     .configuration_keys = std::nullopt});
    }
    kafka::ClusterClient::Plan<kafka::DescribeConfigsRequest> plan;
    plan.versions.least = 1;
    const auto response = TRY(ask(target, kafka::AnyBroker{}, std::move(request), std::move(plan)));
    std::map<std::string, TopicSettings> settings;
    for (const auto& resource : response.results) {
        TopicSettings& of = settings[resource.resource_name];
        for (const auto& config : resource.configs) {
            const std::string value = config.value.value_or("");
            if (config.config_source != kDefaultSource) {
                of.differing[config.name] = value;
            }
            if (config.name == "min.insync.replicas") {
                of.min_isr = std::atoi(value.c_str());
            }
        }
    }
    return settings;
}

bool is_shown(const Options& options, const PartitionState& partition, std::int32_t min_isr,
              const std::set<std::int32_t>& brokers) {
    const auto isr = static_cast<std::int32_t>(partition.isr.size());
    const std::array<std::pair<std::string_view, bool>, 4> kinds{{
        {"under-replicated-partitions", partition.isr.size() < partition.replicas.size()},
        {"unavailable-partitions", !brokers.contains(partition.leader)},
        {"under-min-isr-partitions", isr < min_isr},
        {"at-min-isr-partitions", isr == min_isr},
    }};
    const auto is_asked = [&options](const auto& kind) { return options.has(kind.first); };
    return std::ranges::none_of(kinds, is_asked) ||
           std::ranges::any_of(kinds,
                               [&](const auto& kind) { return is_asked(kind) && kind.second; });
}

TopicState state_of(const kafka::MetadataResponse::Topic& topic, const TopicSettings& settings) {
    TopicState state{.name = topic.name.value_or(""),
                     .id = topic.topic_id,
                     .partitions = {},
                     .configs = settings.differing};
    for (const auto& partition : topic.partitions) {
        state.partitions.push_back({.id = partition.partition_index,
                                    .leader = partition.leader_id,
                                    .replicas = partition.replica_nodes,
                                    .isr = partition.isr_nodes});
    }
    std::ranges::sort(state.partitions, {}, &PartitionState::id);
    return state;
}

Status describe(Target& target) {
    const auto topics = TRY(matching_topics(target));
    if (topics.empty()) {
        return {};
    }
    auto settings = TRY(fetch_settings(target, topics));
    const Options& options = target.options;
    const bool partitions_only =
        options.has("under-replicated-partitions") || options.has("unavailable-partitions") ||
        options.has("under-min-isr-partitions") || options.has("at-min-isr-partitions");
    const bool topics_only = options.has("topics-with-overrides");
    for (const auto& topic : topics) {
        const TopicSettings& of = settings[topic.name.value_or("")];
        const TopicState state = state_of(topic, of);
        if (!partitions_only && !(topics_only && state.configs.empty())) {
            fmt::print("{}", topic_line(state));
        }
        for (const PartitionState& partition : state.partitions) {
            if (!topics_only && is_shown(options, partition, of.min_isr, target.brokers)) {
                fmt::print("{}", partition_line(state.name, partition));
            }
        }
    }
    return {};
}

Status alter(Target& target) {
    const auto count = TRY(partitions_of(target.options));
    kafka::CreatePartitionsRequest request;
    request.timeout_ms = target.timeout_ms;
    for (const auto& topic : TRY(matching_topics(target))) {
        auto& item = request.topics.emplace_back();
        item.name = topic.name.value_or("");
        item.count = count.value_or(0);
        item.assignments.reset();  // null: the controller chooses
        if (const auto text = target.options.text("replica-assignment")) {
            auto partitions = TRY(parse_assignment(*text));
            const std::size_t present = std::min(partitions.size(), topic.partitions.size());
            item.assignments.emplace();
            for (std::size_t i = present; i < partitions.size(); ++i) {
                item.assignments->push_back({.broker_ids = std::move(partitions[i])});
            }
        }
    }
    if (request.topics.empty()) {
        return {};
    }
    const auto response = TRY(ask_controller(target, std::move(request)));
    for (const auto& topic : response.results) {
        if (topic.error_code != 0) {
            return fail(Errc::invalid_argument, error_text(topic.error_code, topic.error_message));
        }
    }
    return {};
}

Status remove(Target& target) {
    kafka::DeleteTopicsRequest request;
    request.timeout_ms = target.timeout_ms;
    for (const auto& topic : TRY(matching_topics(target))) {
        request.topic_names.push_back(topic.name.value_or(""));
    }
    if (request.topic_names.empty()) {
        return {};
    }
    // Version 6 names topics in another field, which old brokers do not have.
    constexpr std::int16_t kLastWithNames = 5;
    kafka::ClusterClient::Plan<kafka::DeleteTopicsRequest> plan;
    plan.versions.greatest = kLastWithNames;
    plan.error_of = not_controller_of<kafka::DeleteTopicsResponse>;
    const auto response =
        TRY(ask(target, kafka::TheController{}, std::move(request), std::move(plan)));
    for (const auto& topic : response.responses) {
        if (topic.error_code != 0) {
            return fail(Errc::invalid_argument, error_text(topic.error_code, topic.error_message));
        }
    }
    return {};
}

Status act(Target& target) {
    if (target.options.has("create")) {
        return create(target);
    }
    if (target.options.has("list")) {
        return list(target);
    }
    if (target.options.has("describe")) {
        return describe(target);
    }
    return target.options.has("alter") ? alter(target) : remove(target);
}

}  // namespace

int kafka_topics(const Invocation& invocation) {
    const auto options = read_options(kTopicsUsage, invocation);
    if (!options) {
        return options.error();
    }
    if (const auto message = topics_misuse(*options)) {
        return misuse_error(invocation, *message);
    }
    const std::string bootstrap = *options->text("bootstrap-server");
    auto endpoints = parse_bootstrap(bootstrap);
    if (!endpoints) {
        return refusal(invocation, endpoints.error());
    }
    const auto properties = client_properties(
        ClientKind::admin,
        {.file = options->text_or("command-config", ""), .pairs = {}, .pairs_option = ""});
    if (!properties) {
        return refusal(invocation, properties.error());
    }
    EventRunner runner;
    runner.when_slow(fmt::format("No answer from {} yet; broker may not be available.", bootstrap));
    kafka::ClusterClient cluster(runner.loop(), runner.network(), std::move(*endpoints),
                                 cluster_options(*properties));
    Target target{runner, cluster, *options, properties->int32("request.timeout.ms"), {}};
    const Status done = act(target);
    if (!done) {
        // On standard output, where the Java tool has it.
        fmt::print("Error while executing topic command : {}\n", done.error().message);
        return exit_failed;
    }
    return exit_ok;
}

}  // namespace millrace::cli
