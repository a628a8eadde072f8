// Load on a Kafka cluster through librdkafka.
// Usage: kafka_bench produce|consume BOOTSTRAP TOPIC MESSAGES BYTES. Prints "messages_per_second seconds".
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
    std::string bootstrap;
    std::string topic;
    std::uint64_t messages = 0;
    std::size_t bytes = 0;
};

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "kafka_bench: {}\n", why);
    std::exit(1);
}

void set(rd_kafka_conf_t* conf, const char* key, const std::string& value) {
    char error[256];
    if (rd_kafka_conf_set(conf, key, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) {
        give_up(error);
    }
}

rd_kafka_t* make(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
    char error[256];
    rd_kafka_t* client = rd_kafka_new(type, conf, error, sizeof error);
    if (client == nullptr) {
        give_up(error);
    }
    return client;
}

double seconds_since(Clock::time_point began) {
    return std::chrono::duration<double>(Clock::now() - began).count();
}

std::uint64_t delivered = 0;

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        give_up(rd_kafka_err2str(message->err));
    }
    ++delivered;
}

// Returns the seconds from the first call to the last acknowledgement.
double produce(const Settings& settings) {
    const auto began = Clock::now();
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", settings.bootstrap);
    set(conf, "linger.ms", "5");
    // Few enough that batches are full whatever the broker's pace: consumers read equal logs from every broker.
    set(conf, "batch.num.messages", "1000");
    set(conf, "queue.buffering.max.messages", "500000");
    set(conf, "queue.buffering.max.kbytes", "1000000");
    set(conf, "acks", "1");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t* client = make(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t* topic = rd_kafka_topic_new(client, settings.topic.c_str(), nullptr);
    std::string payload(settings.bytes, 'x');
    for (std::uint64_t sent = 0; sent < settings.messages;) {
        if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload.data(),
                             payload.size(), nullptr, 0, nullptr) == 0) {
            ++sent;
            if (sent % 1024 == 0) {
                rd_kafka_poll(client, 0);
            }
        } else {
            rd_kafka_poll(client, 10);
        }
    }
    while (delivered < settings.messages) {
        rd_kafka_poll(client, 100);
    }
    const double seconds = seconds_since(began);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
    return seconds;
}

// Returns the seconds from the first messages to the last: how long a client takes to find its leader is not counted.
double consume(const Settings& settings) {
    auto began = Clock::now();
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", settings.bootstrap);
    set(conf, "group.id", "bench");
    set(conf, "queued.min.messages", "1000000");
    set(conf, "check.crcs", "false");
    rd_kafka_t* client = make(RD_KAFKA_CONSUMER, conf);
    rd_kafka_topic_t* topic = rd_kafka_topic_new(client, settings.topic.c_str(), nullptr);
    if (rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) != 0) {
        give_up("cannot start to consume");
    }
    std::uint64_t got = 0;
    while (got < settings.messages) {
        rd_kafka_message_t* batch[1024];
        const ssize_t count = rd_kafka_consume_batch(topic, 0, 1000, batch, 1024);
        if (got == 0) {
            began = Clock::now();
        }
        for (ssize_t i = 0; i < count; ++i) {
            got += batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
            rd_kafka_message_destroy(batch[i]);
        }
    }
    const double seconds = seconds_since(began);
    rd_kafka_consume_stop(topic, 0);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
    return seconds;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        fmt::print(stderr, "usage: kafka_bench produce|consume BOOTSTRAP TOPIC MESSAGES BYTES\n");
        return 2;
    }
    const Settings settings{argv[2], argv[3], std::strtoull(argv[4], nullptr, 10),
                            std::strtoull(argv[5], nullptr, 10)};
    const double seconds =
        std::string(argv[1]) == "produce" ? produce(settings) : consume(settings);
    fmt::print("{:.0f} {:.3f}\n", static_cast<double>(settings.messages) / seconds, seconds);
}
