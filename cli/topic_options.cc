#include "cli/topic_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/command.h"
#include "cli/kafka_connection.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kLater = "comes with a later release of these tools";
constexpr std::array kOptions{
    Option{"bootstrap-server", "host:port,...", "The brokers to ask first."},
    Option{"command-config", "file", "Client properties."},
    Option{"create", "", "Create a topic."},
    Option{"list", "", "List topics."},
    Option{"describe", "", "Show topics and their partitions."},
    Option{"alter", "", "Give a topic more partitions."},
    Option{"delete", "", "Delete topics."},
    Option{"topic", "name", "The topic; a regular expression for all actions but --create."},
    Option{"partitions", "number", "Partitions; without it the default of the cluster."},
    Option{"replication-factor", "number", "Replicas of each; without it the default."},
    Option{"replica-assignment", "1:2,2:3", "Brokers of each partition, instead of both numbers."},
    Option{"config", "name=value", "A setting of the topic to create.", true},
    Option{"if-not-exists", "", "With --create: an existing topic is no error."},
    Option{"if-exists", "", "With --alter, --delete, --describe: a missing topic is no error."},
    Option{"exclude-internal", "", "Leave out the topics of the brokers themselves."},
    Option{"under-replicated-partitions", "", "With --describe: partitions short of replicas."},
    Option{"unavailable-partitions", "", "With --describe: partitions without a leader."},
    Option{"under-min-isr-partitions", "", "With --describe: Isr below min.insync.replicas."},
    Option{"at-min-isr-partitions", "", "With --describe: Isr equal to min.insync.replicas."},
    Option{"topics-with-overrides", "", "With --describe: topics with settings of their own."},
    Option{.name = "zookeeper",
           .value = "host:port,...",
           .doc = "",
           .refusal = "speaking to ZooKeeper directly comes with a later release; use "
                      "--bootstrap-server host:9092"},
    Option{.name = "topic-id", .value = "id", .doc = "", .refusal = kLater},
    Option{.name = "delete-config",
           .value = "name",
           .doc = "",
           .refusal = "settings of a topic are changed with kafka-configs.sh"},
    Option{.name = "partition-size-limit-per-response",
           .value = "number",
           .doc = "",
           .refusal = "brokers in ZooKeeper mode describe all partitions at once"},
};
constexpr std::array<std::string_view, 5> kActions{"create", "list", "describe", "alter", "delete"};

// Options that go with some actions only.
struct Companion {
    std::string_view option;
    std::string_view actions;  // names, each between blanks
};
constexpr std::array kCompanions{
    Companion{"config", " create "},
    Companion{"partitions", " create alter "},
    Companion{"replication-factor", " create "},
    Companion{"replica-assignment", " create alter "},
    Companion{"under-replicated-partitions", " describe "},
    Companion{"under-min-isr-partitions", " describe "},
    Companion{"at-min-isr-partitions", " describe "},
    Companion{"unavailable-partitions", " describe "},
    Companion{"topics-with-overrides", " describe "},
    Companion{"if-exists", " alter delete describe "},
    Companion{"if-not-exists", " create "},
    Companion{"exclude-internal", " list describe "},
};
// Pairs of which only one may be given; the message names the first before the second.
struct Rivals {
    std::string_view option;
    std::string_view other;
    std::string_view with_action;  // only then; empty: always
};
constexpr std::array kRivals{
    Rivals{"replica-assignment", "partitions", "create"},
    Rivals{"replica-assignment", "replication-factor", "create"},
    Rivals{"under-replicated-partitions", "topics-with-overrides", ""},
    Rivals{"under-min-isr-partitions", "topics-with-overrides", ""},
    Rivals{"at-min-isr-partitions", "topics-with-overrides", ""},
    Rivals{"unavailable-partitions", "topics-with-overrides", ""},
};
constexpr std::int64_t kInt32Max = 2'147'483'647;
constexpr std::int64_t kInt16Max = 32'767;

std::string not_together(std::string_view option, std::string_view other) {
    return fmt::format("Option \"[{}]\" can't be used with option \"[{}]\"", option, other);
}

std::optional<std::string> missing_argument(const Options& options) {
    if (!options.has("bootstrap-server")) {
        return "--bootstrap-server must be specified";
    }
    const bool names_one = options.has("create") || options.has("alter") || options.has("delete");
    if (names_one && !options.has("topic")) {
        return "Missing required argument \"[topic]\"";
    }
    if (options.has("alter") && options.has("config")) {
        return "Option combination \"[[bootstrap-server], [config]]\" can't be used with option "
               "\"[alter]\" (the kafka-configs CLI supports altering topic configs with a "
               "--bootstrap-server option)";
    }
    if (options.has("alter") && !options.has("partitions")) {
        return "Missing required argument \"[partitions]\"";
    }
    return std::nullopt;
}

Result<std::int32_t> parse_broker(std::string_view text) {
    std::int32_t broker = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), broker);
    if (error != std::errc{} || at != text.data() + text.size()) {
        return fail(Errc::invalid_argument, fmt::format("For input string: \"{}\"", text));
    }
    return broker;
}

// Cuts the next part off the text.
std::string_view next_part(std::string_view& text, char separator) {
    const std::string_view part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    return part;
}

}  // namespace

const Usage kTopicsUsage{
    .program = "kafka-topics.sh",
    .summary = "Creates, lists, describes, alters and deletes topics.",
    .options = kOptions,
    .operands = "",
    .examples =
        "  kafka-topics.sh --bootstrap-server localhost:9092 --create --topic orders "
        "--partitions 6\n"
        "  kafka-topics.sh --bootstrap-server localhost:9092 --describe --topic orders\n",
    .misuse = exit_failed,
};

std::optional<std::string> topics_misuse(const Options& options) {
    const auto is_given = [&options](std::string_view name) { return options.has(name); };
    if (std::ranges::count_if(kActions, is_given) != 1) {
        return "Command must include exactly one action: --list, --describe, --create, --alter or "
               "--delete";
    }
    if (auto missing = missing_argument(options)) {
        return missing;
    }
    const std::string_view action = *std::ranges::find_if(kActions, is_given);
    for (const Companion& row : kCompanions) {
        const bool goes = row.actions.find(fmt::format(" {} ", action)) != std::string_view::npos;
        if (is_given(row.option) && !goes) {
            return not_together(row.option, action);
        }
    }
    for (const Rivals& row : kRivals) {
        const bool counts = row.with_action.empty() || row.with_action == action;
        if (counts && is_given(row.option) && is_given(row.other)) {
            return not_together(row.option, row.other);
        }
    }
    return std::nullopt;
}

Result<std::vector<std::vector<std::int32_t>>> parse_assignment(std::string_view text) {
    std::vector<std::vector<std::int32_t>> partitions;
    while (!text.empty()) {
        std::vector<std::int32_t> brokers;
        for (std::string_view list = next_part(text, ','); !list.empty();) {
            const std::int32_t broker = TRY(parse_broker(next_part(list, ':')));
            if (std::ranges::find(brokers, broker) != brokers.end()) {
                return fail(
                    Errc::invalid_argument,
                    fmt::format("Partition replica lists may not contain duplicate entries: {}",
                                broker));
            }
            brokers.push_back(broker);
        }
        if (brokers.empty()) {
            return fail(Errc::invalid_argument, "For input string: \"\"");
        }
        if (!partitions.empty() && brokers.size() != partitions.front().size()) {
            return fail(Errc::invalid_argument,
                        fmt::format("Partition {} has different replication factor: [{}]",
                                    partitions.size(), fmt::join(brokers, ", ")));
        }
        partitions.push_back(std::move(brokers));
    }
    return partitions;
}

Result<std::pair<std::string, std::string>> parse_setting(const std::string& text) {
    auto [name, value] = split_pair(text);
    if (name.size() == text.size() || name.empty()) {
        return fail(Errc::invalid_argument,
                    "requirement failed: Invalid topic config: all configs to be added must be in "
                    "the format \"key=val\".");
    }
    return std::pair(std::move(name), std::move(value));
}

Result<std::optional<std::int32_t>> partitions_of(const Options& options) {
    const auto given = TRY(options.number("partitions", -kInt32Max, kInt32Max));
    if (!given) {
        return std::optional<std::int32_t>{};
    }
    if (options.has("create") && *given < 1) {
        return fail(Errc::invalid_argument, "The partitions must be greater than 0");
    }
    return std::optional(static_cast<std::int32_t>(*given));
}

Result<std::optional<std::int16_t>> replication_factor_of(const Options& options) {
    const auto given = TRY(options.number("replication-factor", -kInt32Max, kInt32Max));
    if (!given) {
        return std::optional<std::int16_t>{};
    }
    if (*given < 1 || *given > kInt16Max) {
        return fail(
            Errc::invalid_argument,
            fmt::format("The replication factor must be between 1 and {} inclusive", kInt16Max));
    }
    return std::optional(static_cast<std::int16_t>(*given));
}

}  // namespace millrace::cli
