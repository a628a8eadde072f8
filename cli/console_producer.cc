// kafka-console-producer.sh: lines of standard input become messages of a topic.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "cli/command.h"
#include "cli/event_runner.h"
#include "cli/kafka_connection.h"
#include "cli/line_format.h"
#include "cli/line_input.h"
#include "cli/producer.h"
#include "lib/base/properties.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kDefaultReader = "kafka.tools.ConsoleProducer$LineMessageReader";
constexpr std::array kOptions{
    Option{"bootstrap-server", "host:port,...", "The brokers to ask first."},
    Option{"broker-list", "host:port,...", "The same, by its old name."},
    Option{"topic", "name", "The topic to write to."},
    Option{"property", "key=value",
           "parse.key=true, key.separator=<tab>, parse.headers=true, headers.delimiter=<tab>, "
           "headers.separator=<,>, headers.key.separator=<:>, ignore.error=true, "
           "null.marker=<text>.",
           true},
    Option{"reader-config", "file", "The same properties from a file."},
    Option{"producer-property", "key=value", "A setting of the producer.", true},
    Option{"producer.config", "file", "Settings of the producer from a file."},
    Option{"request-required-acks", "0|1|all", "Who must have a message; default all."},
    Option{.name = "compression-codec",
           .value = "name",
           .doc = "none, gzip, snappy, lz4 or zstd; gzip when no name follows.",
           .implied = "gzip"},
    Option{"sync", "", "One message after the other."},
    Option{"batch-size", "bytes", "A batch is sent at this size."},
    Option{"max-partition-memory-bytes", "bytes", "The same; wins over --batch-size."},
    Option{"timeout", "ms", "How long a batch waits for company; default 0."},
    Option{"request-timeout-ms", "ms", "How long one request may take."},
    Option{"max-block-ms", "ms", "How long the topic may stay unknown."},
    Option{"max-memory-bytes", "bytes", "Bytes that may wait to be sent."},
    Option{"retry-backoff-ms", "ms", "Pause before the first retry."},
    Option{"message-send-max-retries", "number", "How often a batch is sent again."},
    Option{"line-reader", "class", "Only Kafka's own reader of lines."},
    Option{.name = "metadata-expiry-ms",
           .value = "ms",
           .doc = "",
           .refusal = "metadata is asked for again when a broker says that it has changed"},
    Option{.name = "socket-buffer-size",
           .value = "bytes",
           .doc = "",
           .refusal = "the kernel sizes the buffers of sockets"},
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
    .misuse = exit_failed,
};
Result<LineFormat> line_format(const Options& options) {
    LineFormat format;
    if (const auto file = options.text("reader-config")) {
        const std::string text = TRY(read_text_file(*file));
        for (const Property& entry : TRY(parse_properties(text))) {
            TRY(set_property(format, entry.key, entry.value));
        }
    }
    for (const std::string& text : options.all("property")) {
        const auto [key, value] = split_pair(text);
        TRY(set_property(format, key, value));
    }
    TRY(check(format));
    return format;
}

PropertySources property_sources(const Options& options) {
    PropertySources sources{.file = options.text_or("producer.config", ""),
                            .pairs = options.all("producer-property"),
                            .pairs_option = "--producer-property"};
    constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kSameAs{{
        {"request-required-acks", "acks"},
        {"compression-codec", "compression.type"},
        {"batch-size", "batch.size"},
        {"timeout", "linger.ms"},
        {"request-timeout-ms", "request.timeout.ms"},
        {"max-block-ms", "max.block.ms"},
        {"max-memory-bytes", "buffer.memory"},
        {"max-partition-memory-bytes", "batch.size"},
        {"message-send-max-retries", "retries"},
        {"retry-backoff-ms", "retry.backoff.ms"},
    }};
    for (const auto& [option, key] : kSameAs) {
        if (const auto value = options.text(option)) {
            sources.pairs.push_back(fmt::format("{}={}", key, *value));
        }
    }
    return sources;
}

ProducerOptions producer_options(const Options& options, const Config& properties) {
    ProducerOptions made;
    made.topic = options.text_or("topic", "");
    const std::string& acks = properties.text("acks");
    made.acks = acks == "0" ? std::int16_t{0} : std::int16_t{-1};
    made.acks = acks == "1" ? std::int16_t{1} : made.acks;
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
    if (properties.has("retries")) {
        made.retries_most = properties.int32("retries");
    }
    made.idempotent = properties.has("enable.idempotence")
                          ? properties.boolean("enable.idempotence")
                          : made.acks == -1;
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
            return exit_of_signals + x_runner.interrupted();
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
    plan.bootstrap = TRY(
        parse_bootstrap(options.text_or("bootstrap-server", options.text_or("broker-list", ""))));
    const std::string reader = options.text_or("line-reader", kDefaultReader);
    if (reader != kDefaultReader) {
        return fail(Errc::unsupported,
                    fmt::format("--line-reader {}: classes cannot be loaded; there is one reader, "
                                "of lines",
                                reader));
    }
    plan.format = TRY(line_format(options));
    const Config properties =
        TRY(client_properties(ClientKind::producer, property_sources(options)));
    plan.producer = producer_options(options, properties);
    if (plan.producer.idempotent && plan.producer.acks != -1) {
        return fail(Errc::invalid_argument,
                    "Must set acks to all in order to use the idempotent producer. Otherwise we "
                    "cannot guarantee idempotence.");
    }
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
    runner.take_signals();
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
    const bool in_time = runner.run_until(
        [&] { return started.has_value() || runner.interrupted() != 0; }, plan.topic_wait);
    if (runner.interrupted() != 0) {
        return exit_of_signals + runner.interrupted();
    }
    if (!in_time || !*started) {
        return failure(invocation,
                       in_time ? fmt::format("Topic {}: {}", topic, started->error().message)
                               : fmt::format("Topic {} not present in metadata after {} ms.", topic,
                                             to_millis(plan.topic_wait)));
    }
    runner.when_slow("");
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
    if (!options->has("bootstrap-server") && !options->has("broker-list")) {
        return misuse_error(invocation, "Missing required option(s) [bootstrap-server]");
    }
    if (!options->has("topic")) {
        return misuse_error(invocation, "Missing required argument \"[topic]\"");
    }
    auto plan = plan_for(*options);
    if (!plan) {
        return refusal(invocation, plan.error());
    }
    return produce(invocation, std::move(*plan));
}

}  // namespace millrace::cli
