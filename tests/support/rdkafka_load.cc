// Load on a broker through librdkafka, recorded so that it can be compared with what the broker holds later.
//   rdkafka_load write ADDRESS TOPIC PARTITIONS FILE   an idempotent producer of messages numbered 0, 1, 2, …, number n to partition
//       n % PARTITIONS; each acknowledged one becomes a line "number offset" of FILE. TERM ends it once everything is acknowledged.
//   rdkafka_load verify ADDRESS TOPIC PARTITIONS FILE  reads the topic to its end: every line of FILE must be there with its
//       offset, and the numbers of a partition must rise without gaps or repetitions.
#include <librdkafka/rdkafkacpp.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <vector>

namespace millrace::testing {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

constexpr int kPollMillis = 100;
constexpr int kFlushMillis = 60'000;
constexpr int kSilenceMax = 200;  // polls without a message until the end counts as unreachable

[[noreturn]] void give_up(const std::string& why) {
    std::cout << why << std::endl;
    std::exit(1);
}

using Settings = std::map<std::string, std::string>;

std::unique_ptr<RdKafka::Conf> configuration(const Settings& settings) {
    std::unique_ptr<RdKafka::Conf> conf(RdKafka::Conf::create(RdKafka::Conf::CONF_GLOBAL));
    for (const auto& [name, value] : settings) {
        std::string error;
        if (conf->set(name, value, error) != RdKafka::Conf::CONF_OK) {
            give_up(error);
        }
    }
    return conf;
}

std::int64_t number_of(std::string_view text) {
    std::int64_t number = -1;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

// --- write

class Acknowledgements : public RdKafka::DeliveryReportCb, public RdKafka::EventCb {
 public:
    explicit Acknowledgements(const char* path) : x_file(std::fopen(path, "w")) {}

    void dr_cb(RdKafka::Message& message) override {
        if (message.err() != RdKafka::ERR_NO_ERROR) {
            give_up("delivery failed: " + message.errstr());
        }
        const std::string_view value(static_cast<const char*>(message.payload()), message.len());
        std::fprintf(x_file, "%09lld %09lld\n", static_cast<long long>(number_of(value)),
                     static_cast<long long>(message.offset()));
        std::fflush(x_file);
    }

    void event_cb(RdKafka::Event& event) override {
        if (event.type() == RdKafka::Event::EVENT_ERROR && event.fatal()) {
            give_up("the producer cannot go on: " + event.str());
        }
    }

 private:
    std::FILE* x_file;
};

int write(const std::string& address, const std::string& topic, int partitions, const char* path) {
    Acknowledgements acknowledgements(path);
    auto conf = configuration({{"bootstrap.servers", address},
                               {"enable.idempotence", "true"},
                               {"linger.ms", "1"},
                               {"queue.buffering.max.messages", "500"},
                               {"batch.num.messages", "50"},
                               {"message.timeout.ms", "0"},
                               {"reconnect.backoff.ms", "20"},
                               {"reconnect.backoff.max.ms", "100"},
                               {"retry.backoff.ms", "20"},
                               {"topic.metadata.refresh.fast.interval.ms", "50"},
                               {"log_level", "0"}});
    std::string error;
    conf->set("dr_cb", static_cast<RdKafka::DeliveryReportCb*>(&acknowledgements), error);
    conf->set("event_cb", static_cast<RdKafka::EventCb*>(&acknowledgements), error);
    const std::unique_ptr<RdKafka::Producer> producer(RdKafka::Producer::create(conf.get(), error));
    if (producer == nullptr) {
        give_up(error);
    }
    std::signal(SIGTERM, [](int) { stop_asked = 1; });
    for (std::int64_t number = 0; stop_asked == 0;) {
        std::string value = std::to_string(number) + std::string(100, ' ');
        const auto result = producer->produce(topic, static_cast<std::int32_t>(number % partitions),
                                              RdKafka::Producer::RK_MSG_COPY, value.data(),
                                              value.size(), nullptr, 0, 0, nullptr, nullptr);
        if (result == RdKafka::ERR_NO_ERROR) {
            ++number;
            producer->poll(0);
        } else if (result == RdKafka::ERR__QUEUE_FULL) {
            producer->poll(kPollMillis);
        } else {
            give_up("cannot produce: " + RdKafka::err2str(result));
        }
    }
    if (producer->flush(kFlushMillis) != RdKafka::ERR_NO_ERROR) {
        give_up("the last messages were not acknowledged");
    }
    return 0;
}

// --- verify

using Numbers = std::vector<std::int64_t>;  // of a partition, by offset

std::vector<Numbers> read_all(const std::string& address, const std::string& topic,
                              int partitions) {
    const auto conf = configuration({{"bootstrap.servers", address},
                                     {"group.id", "verify"},
                                     {"enable.auto.commit", "false"},
                                     {"enable.partition.eof", "true"},
                                     {"fetch.wait.max.ms", "20"}});
    std::string error;
    const std::unique_ptr<RdKafka::KafkaConsumer> consumer(
        RdKafka::KafkaConsumer::create(conf.get(), error));
    std::vector<RdKafka::TopicPartition*> assigned;
    for (int partition = 0; partition < partitions; ++partition) {
        assigned.push_back(RdKafka::TopicPartition::create(topic, partition, 0));
    }
    consumer->assign(assigned);
    RdKafka::TopicPartition::destroy(assigned);
    std::vector<Numbers> found(static_cast<std::size_t>(partitions));
    int silent = 0;
    for (int open = partitions; open > 0;) {
        const std::unique_ptr<RdKafka::Message> message(consumer->consume(kPollMillis));
        if (message->err() == RdKafka::ERR__PARTITION_EOF) {
            --open;
        } else if (message->err() == RdKafka::ERR__TIMED_OUT) {
            if (++silent > kSilenceMax) {
                give_up("the end of the topic is not reached");
            }
        } else if (message->err() != RdKafka::ERR_NO_ERROR) {
            give_up("cannot consume: " + message->errstr());
        } else {
            Numbers& numbers = found[static_cast<std::size_t>(message->partition())];
            if (message->offset() != static_cast<std::int64_t>(numbers.size())) {
                give_up("an offset is missing before " + std::to_string(message->offset()));
            }
            numbers.push_back(
                number_of({static_cast<const char*>(message->payload()), message->len()}));
        }
    }
    consumer->close();
    return found;
}

int verify(const std::string& address, const std::string& topic, int partitions, const char* path) {
    const std::vector<Numbers> found = read_all(address, topic, partitions);
    std::size_t disordered = 0;
    for (std::size_t partition = 0; partition < found.size(); ++partition) {
        std::int64_t next = static_cast<std::int64_t>(partition);
        for (const std::int64_t number : found[partition]) {
            if (number != next) {
                ++disordered;
                std::cout << "partition " << partition << ": " << number << " in the place of "
                          << next << "\n";
            }
            next = number + partitions;
        }
    }
    std::size_t acknowledged = 0;
    std::size_t lost = 0;
    std::ifstream file(path);
    for (std::int64_t number = 0, offset = 0; file >> number >> offset;) {
        ++acknowledged;
        const Numbers& numbers = found[static_cast<std::size_t>(number % partitions)];
        const bool there = offset >= 0 && offset < static_cast<std::int64_t>(numbers.size()) &&
                           numbers[static_cast<std::size_t>(offset)] == number;
        if (!there) {
            ++lost;
            std::cout << "lost: " << number << " at offset " << offset << "\n";
        }
    }
    std::cout << acknowledged << " acknowledged, " << lost << " lost, " << disordered
              << " out of order or repeated\n";
    return lost == 0 && disordered == 0 && acknowledged > 0 ? 0 : 1;
}

}  // namespace
}  // namespace millrace::testing

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() != 5 || (words[0] != "write" && words[0] != "verify")) {
        std::cerr << "usage: rdkafka_load write|verify ADDRESS TOPIC PARTITIONS FILE\n";
        return 2;
    }
    const auto run = words[0] == "write" ? millrace::testing::write : millrace::testing::verify;
    return run(words[1], words[2], std::atoi(words[3].c_str()), words[4].c_str());
}
