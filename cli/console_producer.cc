// kafka-console-producer.sh: lines of standard input become messages of a topic.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "cli/command.h"
#include "cli/event_runner.h"
#include "cli/kafka_connection.h"
#include "cli/line_input.h"
#include "cli/producer.h"
#include "lib/base/properties.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kNoPlugins = "classes cannot be loaded; there is one reader, of lines";
constexpr std::array kOptions{
    Option{"bootstrap-server", "host:port,...", "The brokers to ask first.", false, "broker-list"},
    Option{"topic", "name", "The topic to write to."},
    Option{"property", "key=value",
           "parse.key=true, key.separator=<tab>, ignore.error=true, null.marker=<text>.", true},
    Option{"reader-config", "file", "The same properties from a file."},
    Option{"producer-property", "key=value", "A setting of the producer.", true},
    Option{"producer.config", "file", "Settings of the producer from a file."},
    Option{"request-required-acks", "0|1|all", "Who must have a message; default all."},
    Option{"compression-codec", "name", "none, gzip, snappy, lz4 or zstd."},
    Option{"sync", "", "One message after the other."},
    Option{"batch-size", "bytes", "A batch is sent at this size."},
    Option{"timeout", "ms", "How long a batch waits for company; default 0."},
    Option{"request-timeout-ms", "ms", "How long one request may take."},
    Option{"max-block-ms", "ms", "How long the topic may stay unknown."},
    Option{"max-memory-bytes", "bytes", "Bytes that may wait to be sent."},
    Option{"retry-backoff-ms", "ms", "Pause before the first retry."},
    Option{.name = "line-reader", .value = "class", .doc = "", .refusal = kNoPlugins},
    Option{.name = "message-send-max-retries",
           .value = "number",
           .doc = "",
           .refusal = "retries end with delivery.timeout.ms; give --producer-property "
                      "delivery.timeout.ms=..."},
};
constexpr Usage kUsage{
    .program = "kafka-console-producer.sh",
    .summary = "Reads lines from standard input and sends each as a message.",
    .options = kOptions,
    .operands = "",
    .examples =
        "  kafka-console-producer.sh --bootstrap-server localhost:9092 --topic orders\n"
        "  kafka-console-producer.sh --bootstrap-server localhost:9092 --topic orders \\\n"
        "    --property parse.key=true --property key.separator=: < lines.txt\n",
};
constexpr int kInterrupted = 130;

// How a line becomes a message.
struct LineFormat {
    bool parse_key = false;
    bool ignore_error = false;
    std::string separator = "\t";
    std::optional<std::string> null_marker;
};

Result<LineFormat> line_format(const Options& options) {
    std::vector<std::pair<std::string, std::string>> pairs;
    if (const auto file = options.text("reader-config")) {
        const std::string text = TRY(read_text_file(*file));
        for (Property& entry : TRY(parse_properties(text))) {
            pairs.emplace_back(std::move(entry.key), std::move(entry.value));
        }
    }
    for (const std::string& text : options.all("property")) {
        pairs.push_back(split_pair(text));
    }
    LineFormat format;
    for (auto& [key, value] : pairs) {
        if (key == "parse.key") {
            format.parse_key = value == "true";
        } else if (key == "ignore.error") {
            format.ignore_error = value == "true";
        } else if (key == "key.separator") {
            format.separator = std::move(value);
        } else if (key == "null.marker") {
            format.null_marker = std::move(value);
        } else {
            return fail(Errc::invalid_argument,
                        fmt::format("--property {}: known are parse.key, key.separator, "
                                    "ignore.error and null.marker",
                                    key));
        }
    }
    if (format.parse_key && format.separator.empty()) {
        return fail(Errc::invalid_argument, "--property key.separator must not be empty");
    }
    return format;
}

// Errors: malformed, when the line has no separator.
Result<Message> message_of(const LineFormat& format, std::string_view line, std::uint64_t number) {
    const auto with_null = [&format](std::string_view text) -> std::optional<BytesView> {
        if (format.null_marker && text == *format.null_marker) {
            return std::nullopt;
        }
        return as_bytes(text);
    };
    if (!format.parse_key) {
        return Message{.key = std::nullopt, .value = with_null(line)};
    }
    const std::size_t at = line.find(format.separator);
    if (at != std::string_view::npos) {
        return Message{.key = with_null(line.substr(0, at)),
                       .value = with_null(line.substr(at + format.separator.size()))};
    }
    if (format.ignore_error) {
        return Message{.key = std::nullopt, .value = with_null(line)};
    }
    return fail(Errc::malformed,
                fmt::format("No key separator found on line number {}: '{}'", number, line));
}

PropertySources property_sources(const Options& options) {
    PropertySources sources{.file = options.text_or("producer.config", ""),
                            .pairs = options.all("producer-property"),
                            .pairs_option = "--producer-property"};
    constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kSameAs{{
        {"request-required-acks", "acks"},
        {"compression-codec", "compression.type"},
        {"batch-size", "batch.size"},
        {"timeout", "linger.ms"},
        {"request-timeout-ms", "request.timeout.ms"},
        {"max-block-ms", "max.block.ms"},
        {"max-memory-bytes", "buffer.memory"},
    }};
    for (const auto& [option, key] : kSameAs) {
        if (const auto value = options.text(option)) {
            sources.pairs.push_back(fmt::format("{}={}", key, *value));
        }
    }
    if (const auto value = options.text("retry-backoff-ms")) {
        sources.pairs.push_back("retry.backoff.ms=" + *value);
    }
    return sources;
}

ProducerOptions producer_options(const Options& options, const Config& properties) {
    ProducerOptions made;
    made.topic = options.text_or("topic", "");
    const std::string& acks = properties.text("acks");
    made.acks = acks == "0" ? 0 : acks == "1" ? 1 : -1;
    made.codec = *kafka::codec_from_name(properties.text("compression.type"));
    made.request_bytes_max = static_cast<std::size_t>(properties.int32("max.request.size"));
    if (properties.has("batch.size")) {
        made.batch_bytes = static_cast<std::size_t>(properties.int32("batch.size"));
    }
    if (options.has("sync")) {
        made.batch_bytes = 0;
    }
    made.batch_bytes = std::min(made.batch_bytes, made.request_bytes_max);
    made.buffer_bytes = static_cast<std::size_t>(properties.int64("buffer.memory"));
    made.linger = std::chrono::milliseconds(properties.int32("linger.ms"));
    made.timeout_ms = properties.int32("request.timeout.ms");
    made.idempotent = properties.boolean("enable.idempotence");
    return made;
}

// From lines to the producer.
class LineSender {
 public:
    LineSender(EventRunner& runner, Producer& producer, LineFormat format)
        : x_runner(runner),
          x_producer(producer),
          x_format(std::move(format)),
          x_input(runner.loop()),
          x_prompting(::isatty(STDIN_FILENO) == 1) {}

    // Until the end of the input or an interruption, and everything is answered. Returns the exit code.
    int run() {
        x_input.start([this](std::string_view line) { take(line); },
                      [this](const Status& why) {
                          if (!why) {
                              complain(why.error().message);
                          }
                      });
        prompt();
        x_runner.run_until(
            [this] { return x_input.ended() || x_broken || x_runner.interrupted() != 0; });
        x_producer.flush();
        x_runner.run_until([this] { return x_producer.idle(); });
        if (x_runner.interrupted() != 0) {
            return kInterrupted;
        }
        return x_broken || x_producer.lost() > 0 ? exit_failed : exit_ok;
    }

    void on_progress() {
        if (!x_producer.full()) {
            x_input.resume();
        }
    }

 private:
    void take(std::string_view line) {
        if (x_broken) {
            return;
        }
        ++x_lines;
        const auto message = message_of(x_format, line, x_lines);
        if (!message) {
            complain(message.error().message);
            return;
        }
        const Status added = x_producer.add(*message);
        if (!added) {
            fmt::print(stderr, "{}\n", added.error().message);
        }
        if (x_producer.full()) {
            x_input.pause();
        }
        prompt();
    }

    void complain(std::string_view message) {
        fmt::print(stderr, "{}\n", message);
        x_broken = true;
        x_input.pause();
    }

    void prompt() const {
        if (x_prompting) {
            fmt::print(">");
            std::fflush(stdout);
        }
    }

    EventRunner& x_runner;
    Producer& x_producer;
    LineFormat x_format;
    LineInput x_input;
    bool x_prompting;
    bool x_broken = false;
    std::uint64_t x_lines = 0;
};

struct Plan {
    std::vector<runtime::Endpoint> bootstrap;
    LineFormat format;
    ProducerOptions producer;
    kafka::ClusterClientOptions cluster;
    Duration topic_wait;  // how long the topic may stay unknown
};

Result<Plan> plan_for(const Options& options) {
    Plan plan;
    plan.bootstrap = TRY(parse_bootstrap(*options.text("bootstrap-server")));
    plan.format = TRY(line_format(options));
    const Config properties =
        TRY(client_properties(ClientKind::producer, property_sources(options)));
    plan.producer = producer_options(options, properties);
    plan.cluster = cluster_options(properties);
    if (!properties.has("client.id")) {
        plan.cluster.connection.client_id = "console-producer";
    }
    plan.cluster.call_timeout = std::chrono::milliseconds(properties.int32("delivery.timeout.ms"));
    plan.topic_wait = std::chrono::milliseconds(properties.int32("max.block.ms"));
    return plan;
}

int produce(const Invocation& invocation, Plan plan) {
    EventRunner runner;
    kafka::ClusterClient cluster(runner.loop(), runner.network(), std::move(plan.bootstrap),
                                 plan.cluster);
    LineSender* sender = nullptr;
    const std::string topic = plan.producer.topic;
    Producer producer(runner.loop(), cluster, std::move(plan.producer),
                      {.on_progress = [&sender] { sender->on_progress(); },
                       .on_loss = [](const std::string& why) { fmt::print(stderr, "{}\n", why); }});
    runner.when_slow(
        fmt::format("Topic {} is not known to the brokers yet, or they do not answer.", topic));
    std::optional<Status> started;
    producer.start([&started](Status status) { started = std::move(status); });
    const bool in_time =
        runner.run_until([&started] { return started.has_value(); }, plan.topic_wait);
    if (!in_time || !*started) {
        return failure(invocation,
                       in_time ? fmt::format("Topic {}: {}", topic, started->error().message)
                               : fmt::format("Topic {} not present in metadata after {} ms.", topic,
                                             to_millis(plan.topic_wait)));
    }
    runner.when_slow("");
    runner.take_signals();
    LineSender lines(runner, producer, std::move(plan.format));
    sender = &lines;
    return lines.run();
}

}  // namespace

int console_producer(const Invocation& invocation) {
    const auto options = read_options(kUsage, invocation);
    if (!options) {
        return options.error();
    }
    for (const std::string_view needed : {"bootstrap-server", "topic"}) {
        if (!options->has(needed)) {
            (void)usage_error(invocation,
                              fmt::format("Missing required argument \"[{}]\"", needed));
            return exit_failed;
        }
    }
    auto plan = plan_for(*options);
    if (!plan) {
        return usage_error(invocation, plan.error().message);
    }
    return produce(invocation, std::move(*plan));
}

}  // namespace millrace::cli
