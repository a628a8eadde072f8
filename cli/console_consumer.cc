// kafka-console-consumer.sh: prints the messages of topics.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "cli/command.h"
#include "cli/consumer_run.h"
#include "lib/base/properties.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kDefaultFormatter =
    "org.apache.kafka.tools.consumer.DefaultMessageFormatter";
constexpr std::string_view kOldDefaultFormatter = "kafka.tools.DefaultMessageFormatter";
constexpr std::array kOptions{
    Option{"bootstrap-server", "host:port,...", "The brokers to ask first."},
    Option{"topic", "name", "The topic to read."},
    Option{"include", "regex", "Every topic whose whole name matches."},
    Option{"whitelist", "regex", "The same, by its old name."},
    Option{"from-beginning", "", "Start with the oldest message where no offset is committed."},
    Option{"partition", "number", "Read this partition only."},
    Option{"offset", "number|earliest|latest", "Where to start in --partition."},
    Option{"group", "name", "The consumer group; without it no group is joined."},
    Option{"max-messages", "number", "End after so many."},
    Option{"timeout-ms", "ms", "End when no message came for so long."},
    Option{"isolation-level", "level", "read_uncommitted (default) or read_committed."},
    Option{"property", "key=value",
           "print.key=true, print.timestamp=true, print.partition=true, print.offset=true, "
           "print.headers=true, print.value=false, key.separator=, line.separator=, "
           "headers.separator=, null.literal=, key.deserializer=, value.deserializer=.",
           true},
    Option{"formatter-config", "file", "The same properties from a file."},
    Option{"consumer-property", "key=value", "A setting of the consumer.", true},
    Option{"consumer.config", "file", "Settings of the consumer from a file."},
    Option{"formatter", "class", "Only Kafka's DefaultMessageFormatter."},
    Option{"key-deserializer", "class", "Kafka's for String, Short, Integer or Long."},
    Option{"value-deserializer", "class", "Kafka's for String, Short, Integer or Long."},
    Option{.name = "skip-message-on-error",
           .value = "",
           .doc = "",
           .refusal = "a damaged message always ends the tool"},
    Option{.name = "enable-systest-events",
           .value = "",
           .doc = "",
           .refusal = "is for Kafka's own system tests"},
};
constexpr Usage kUsage{
    .program = "kafka-console-consumer.sh",
    .summary = "Reads messages of topics and prints them.",
    .options = kOptions,
    .operands = "",
    .examples =
        "  kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic orders "
        "--from-beginning\n"
        "  kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic orders --group "
        "audit\n",
    .misuse = exit_failed,
};
constexpr std::int64_t kInt32Max = 2'147'483'647;
constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;

// What Java's tool checks before it connects. The message, or nothing.
std::optional<std::string> misuse(const Options& options) {
    const bool by_pattern = options.has("include") || options.has("whitelist");
    if (options.has("topic") == by_pattern) {
        return "Exactly one of --include/--topic is required.";
    }
    if (options.has("partition") && !options.has("topic")) {
        return "The topic is required when partition is specified.";
    }
    if (options.has("offset") && !options.has("partition")) {
        return "The partition is required when offset is specified.";
    }
    if (options.has("offset") && options.has("from-beginning")) {
        return "Options from-beginning and offset cannot be specified together.";
    }
    if (options.has("group") && options.has("partition")) {
        return "Options group and partition cannot be specified together.";
    }
    if (!options.has("bootstrap-server")) {
        return "Missing required argument \"[bootstrap-server]\"";
    }
    return std::nullopt;
}

Result<RecordFormat> record_format(const Options& options) {
    RecordFormat format;
    const std::string formatter = options.text_or("formatter", kDefaultFormatter);
    if (formatter != kDefaultFormatter && formatter != kOldDefaultFormatter) {
        return fail(Errc::unsupported,
                    fmt::format("--formatter {}: classes cannot be loaded; there is {}", formatter,
                                kDefaultFormatter));
    }
    if (const auto file = options.text("formatter-config")) {
        const std::string text = TRY(read_text_file(*file));
        for (const Property& entry : TRY(parse_properties(text))) {
            TRY(set_property(format, entry.key, entry.value));
        }
    }
    for (const std::string& pair : options.all("property")) {
        const auto [name, value] = split_pair(pair);
        TRY(set_property(format, name, value));
    }
    for (const std::string_view part : {"key", "value"}) {
        if (const auto name = options.text(fmt::format("{}-deserializer", part))) {
            TRY(set_property(format, fmt::format("{}.deserializer", part), *name));
        }
    }
    return format;
}

Result<std::int64_t> start_offset(const Options& options) {
    const std::string text =
        options.text_or("offset", options.has("from-beginning") ? "earliest" : "latest");
    if (text == "earliest") {
        return kEarliest;
    }
    if (text == "latest") {
        return kLatest;
    }
    std::int64_t offset = -1;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
    if (error != std::errc{} || at != text.data() + text.size() || offset < 0) {
        return fail(Errc::invalid_argument,
                    fmt::format("The provided offset value '{}' is incorrect. Valid values are "
                                "'earliest', 'latest', or a non-negative long.",
                                text));
    }
    return offset;
}

Result<OffsetReset> offset_reset(const Options& options, const Config& properties) {
    const bool from_beginning = options.has("from-beginning");
    if (!properties.has("auto.offset.reset")) {
        return from_beginning ? OffsetReset::earliest : OffsetReset::latest;
    }
    const std::string& reset = properties.text("auto.offset.reset");
    if (from_beginning && reset != "earliest") {
        return fail(Errc::invalid_argument,
                    fmt::format("Can't simultaneously specify --from-beginning and "
                                "'auto.offset.reset={}', please remove one option",
                                reset));
    }
    return reset == "earliest" ? OffsetReset::earliest
           : reset == "latest" ? OffsetReset::latest
                               : OffsetReset::none;
}

PropertySources property_sources(const Options& options) {
    PropertySources sources{.file = options.text_or("consumer.config", ""),
                            .pairs = options.all("consumer-property"),
                            .pairs_option = "--consumer-property"};
    if (const auto level = options.text("isolation-level")) {
        sources.pairs.push_back("isolation.level=" + *level);
    }
    return sources;
}

// The group that every place names which names one. Errors: invalid_argument when they differ.
Result<std::string> group_id(const Options& options, const Config& properties) {
    const std::string given = options.text_or("group", "");
    const std::string set = properties.has("group.id") ? properties.text("group.id") : "";
    if (!given.empty() && !set.empty() && given != set) {
        return fail(Errc::invalid_argument,
                    fmt::format("The group ids provided in different places (directly using "
                                "'--group', via '--consumer-property', or via '--consumer.config') "
                                "do not match. Detected group ids: '{}', '{}'",
                                given, set));
    }
    return given.empty() ? set : given;
}

std::optional<GroupOptions> group_options(const Config& properties, std::string id) {
    if (id.empty()) {
        return std::nullopt;
    }
    GroupOptions group;
    group.group = std::move(id);
    group.session_timeout_ms = properties.int32("session.timeout.ms");
    group.rebalance_timeout_ms = properties.int32("max.poll.interval.ms");
    group.heartbeat_interval = std::chrono::milliseconds(properties.int32("heartbeat.interval.ms"));
    group.auto_commit = properties.boolean("enable.auto.commit");
    group.commit_interval = std::chrono::milliseconds(properties.int32("auto.commit.interval.ms"));
    return group;
}

Result<ConsumerPlan> plan_for(const Options& options) {
    ConsumerPlan plan;
    plan.bootstrap = TRY(parse_bootstrap(*options.text("bootstrap-server")));
    plan.topic = options.text("topic");
    plan.include = options.text_or("include", options.text_or("whitelist", ""));
    plan.format = TRY(record_format(options));
    const Config properties =
        TRY(client_properties(ClientKind::consumer, property_sources(options)));
    plan.cluster = cluster_options(properties);
    if (!properties.has("client.id")) {
        plan.cluster.connection.client_id = "console-consumer";
    }
    if (const auto partition = TRY(options.number("partition", 0, kInt32Max))) {
        plan.partition = static_cast<std::int32_t>(*partition);
        plan.start = TRY(start_offset(options));
    } else {
        plan.group = group_options(properties, TRY(group_id(options, properties)));
    }
    plan.max_messages = TRY(options.number("max-messages", -1, INT64_MAX));
    if (plan.max_messages && *plan.max_messages < 0) {
        plan.max_messages.reset();
    }
    if (const auto timeout = TRY(options.number("timeout-ms", -1, INT64_MAX));
        timeout && *timeout >= 0) {
        plan.timeout = std::chrono::milliseconds(*timeout);
    }
    plan.fetch = {.min_bytes = properties.int32("fetch.min.bytes"),
                  .max_bytes = properties.int32("fetch.max.bytes"),
                  .max_wait_ms = properties.int32("fetch.max.wait.ms"),
                  .partition_bytes = properties.int32("max.partition.fetch.bytes"),
                  .committed_only = properties.text("isolation.level") == "read_committed",
                  .reset = TRY(offset_reset(options, properties))};
    plan.create_topic = properties.boolean("allow.auto.create.topics");
    plan.metadata_interval = std::chrono::milliseconds(properties.int32("metadata.max.age.ms"));
    return plan;
}

}  // namespace

int console_consumer(const Invocation& invocation) {
    const auto options = read_options(kUsage, invocation);
    if (!options) {
        return options.error();
    }
    if (const auto message = misuse(*options)) {
        return misuse_error(invocation, *message);
    }
    auto plan = plan_for(*options);
    if (!plan) {
        return refusal(invocation, plan.error());
    }
    if (options->text("formatter") == kOldDefaultFormatter) {
        fmt::print(stderr,
                   "WARNING: {} is deprecated and will be removed in the next major release. "
                   "Please use {} instead\n",
                   kOldDefaultFormatter, kDefaultFormatter);
    }
    // A reader that went away shall not keep the group waiting for the session timeout.
    ::signal(SIGPIPE, SIG_IGN);
    ConsumerRun run(std::move(*plan));
    const Status done = run.run();
    fmt::print(stderr, "Processed a total of {} messages\n", run.messages());
    if (!done) {
        return failure(invocation, done.error().message);
    }
    return run.interrupted() == 0 ? exit_ok : exit_of_signals + run.interrupted();
}

}  // namespace millrace::cli
