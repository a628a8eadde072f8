// Drives a broker with librdkafka and prints one line per check: rdkafka_check ADDRESS. Ends with 1 when one failed.
#include <librdkafka/rdkafkacpp.h>

#include <librdkafka/rdkafka.h>

#include <array>
#include <iostream>
#include <map>
#include <set>
#include <vector>

namespace millrace::testing {
namespace {

constexpr int kPartitions = 6;
constexpr int kMessages = 100'000;
constexpr int kWaitMillis = 30'000;
constexpr int kPollMillis = 50;
const char* const kTopic = "hundred-thousand";

int failures = 0;

void check(const std::string& what, bool holds, const std::string& detail = "") {
    std::cout << (holds ? "ok: " : "FAILED: ") << what << (holds ? "" : ": " + detail) << std::endl;
    failures += holds ? 0 : 1;
}

using Settings = std::map<std::string, std::string>;

std::unique_ptr<RdKafka::Conf> configuration(const Settings& settings) {
    std::unique_ptr<RdKafka::Conf> conf(RdKafka::Conf::create(RdKafka::Conf::CONF_GLOBAL));
    for (const auto& [name, value] : settings) {
        std::string error;
        if (conf->set(name, value, error) != RdKafka::Conf::CONF_OK) {
            check("the setting " + name, false, error);
        }
    }
    return conf;
}

// --- administration, which only the C interface has

struct AdminDeleter {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
    void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};

class Admin {
 public:
    explicit Admin(RdKafka::Handle& handle)
        : x_handle(handle.c_ptr()), x_queue(rd_kafka_queue_new(x_handle)) {}

    // The error of the topic; the empty string when there is none.
    std::string create(const std::string& topic, int partitions) {
        std::array<char, 256> why{};
        rd_kafka_NewTopic_t* fresh =
            rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, why.data(), why.size());
        rd_kafka_NewTopic_set_config(fresh, "segment.bytes", "1000000");
        rd_kafka_CreateTopics(x_handle, &fresh, 1, nullptr, x_queue.get());
        rd_kafka_NewTopic_destroy(fresh);
        const auto event = next();
        std::size_t count = 0;
        return error_of(rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(event.get()), &count));
    }

    std::string remove(const std::string& topic) {
        rd_kafka_DeleteTopic_t* gone = rd_kafka_DeleteTopic_new(topic.c_str());
        rd_kafka_DeleteTopics(x_handle, &gone, 1, nullptr, x_queue.get());
        rd_kafka_DeleteTopic_destroy(gone);
        const auto event = next();
        std::size_t count = 0;
        return error_of(rd_kafka_DeleteTopics_result_topics(
            rd_kafka_event_DeleteTopics_result(event.get()), &count));
    }

 private:
    using Event = std::unique_ptr<rd_kafka_event_t, AdminDeleter>;

    Event next() {
        Event event(rd_kafka_queue_poll(x_queue.get(), kWaitMillis));
        if (event == nullptr) {
            check("an administrative request is answered", false);
            std::exit(1);
        }
        return event;
    }

    static std::string error_of(const rd_kafka_topic_result_t** topics) {
        const auto error = rd_kafka_topic_result_error(topics[0]);
        return error == RD_KAFKA_RESP_ERR_NO_ERROR ? "" : rd_kafka_err2name(error);
    }

    rd_kafka_t* x_handle;
    std::unique_ptr<rd_kafka_queue_t, AdminDeleter> x_queue;
};

std::size_t count_partitions(RdKafka::Handle& handle, const std::string& topic) {
    RdKafka::Metadata* raw = nullptr;
    handle.metadata(true, nullptr, &raw, kWaitMillis);
    const std::unique_ptr<RdKafka::Metadata> metadata(raw);
    for (const RdKafka::TopicMetadata* each : *metadata->topics()) {
        if (each->topic() == topic) {
            return each->partitions()->size();
        }
    }
    return 0;
}

// --- producer

class Deliveries : public RdKafka::DeliveryReportCb {
 public:
    void dr_cb(RdKafka::Message& message) override {
        if (message.err() != RdKafka::ERR_NO_ERROR) {
            ++x_failed;
            return;
        }
        x_offsets[message.partition()].insert(message.offset());
    }

    // Every message has an offset of its own, and together they begin at 0 without gaps.
    bool complete() const {
        std::size_t count = 0;
        for (const auto& [partition, offsets] : x_offsets) {
            count += offsets.size();
            if (*offsets.rbegin() + 1 != static_cast<std::int64_t>(offsets.size())) {
                return false;
            }
        }
        return x_failed == 0 && count == kMessages && x_offsets.size() == kPartitions;
    }

 private:
    std::map<std::int32_t, std::set<std::int64_t>> x_offsets;
    int x_failed = 0;
};

void produce_all(const std::string& address) {
    Deliveries deliveries;
    const auto conf = configuration({{"bootstrap.servers", address},
                                     {"enable.idempotence", "true"},
                                     {"compression.codec", "lz4"},
                                     {"linger.ms", "2"},
                                     {"batch.num.messages", "500"}});
    std::string error;
    conf->set("dr_cb", &deliveries, error);
    const std::unique_ptr<RdKafka::Producer> producer(RdKafka::Producer::create(conf.get(), error));
    Admin admin(*producer);
    check("a topic is created", admin.create(kTopic, kPartitions).empty());
    check("a second topic of the name is refused",
          admin.create(kTopic, kPartitions) == "TOPIC_ALREADY_EXISTS");
    check("it has its partitions", count_partitions(*producer, kTopic) == kPartitions);
    for (int number = 0; number < kMessages;) {
        std::string value = std::to_string(number);
        const auto result = producer->produce(
            kTopic, number % kPartitions, RdKafka::Producer::RK_MSG_COPY, value.data(),
            value.size(), value.data(), value.size(), 0, nullptr, nullptr);
        number += result == RdKafka::ERR_NO_ERROR ? 1 : 0;
        producer->poll(result == RdKafka::ERR_NO_ERROR ? 0 : kPollMillis);
    }
    check("the producer is done", producer->flush(kWaitMillis) == RdKafka::ERR_NO_ERROR);
    check("each of 100,000 messages has an offset of its own", deliveries.complete());
    check("a topic is deleted",
          admin.create("short-lived", 2).empty() && admin.remove("short-lived").empty());
    check("a topic that is not there cannot be deleted",
          admin.remove("never-there") == "UNKNOWN_TOPIC_OR_PART");
}

// --- consumers of one group

class Member {
 public:
    explicit Member(const std::string& address) {
        const auto conf = configuration({{"bootstrap.servers", address},
                                         {"group.id", "pair"},
                                         {"auto.offset.reset", "earliest"},
                                         {"enable.auto.commit", "false"},
                                         {"fetch.wait.max.ms", "20"},
                                         {"session.timeout.ms", "6000"},
                                         {"heartbeat.interval.ms", "200"}});
        std::string error;
        x_consumer.reset(RdKafka::KafkaConsumer::create(conf.get(), error));
        x_consumer->subscribe({kTopic});
    }
    ~Member() { x_consumer->close(); }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    // Takes one message, when there is one, into found; a number that comes again is counted as repeated.
    void take_one(std::set<int>& found, int& repeated) {
        const std::unique_ptr<RdKafka::Message> message(x_consumer->consume(kPollMillis));
        if (message->err() == RdKafka::ERR_NO_ERROR) {
            const std::string text(static_cast<const char*>(message->payload()), message->len());
            repeated += found.insert(std::stoi(text)).second ? 0 : 1;
        }
    }

    std::size_t assigned() {
        std::vector<RdKafka::TopicPartition*> partitions;
        x_consumer->assignment(partitions);
        const std::size_t count = partitions.size();
        RdKafka::TopicPartition::destroy(partitions);
        return count;
    }

    bool commit() { return x_consumer->commitSync() == RdKafka::ERR_NO_ERROR; }

 private:
    std::unique_ptr<RdKafka::KafkaConsumer> x_consumer;
};

void consume_all(const std::string& address) {
    std::set<int> found;
    int repeated = 0;
    constexpr int kTurnsMax = 3 * kMessages;
    Member first(address);
    for (int turn = 0; turn < kTurnsMax && found.size() < kMessages / 4; ++turn) {
        first.take_one(found, repeated);
    }
    check("one member has all partitions", first.assigned() == kPartitions);
    check("it commits", first.commit());
    {
        Member second(address);
        for (int turn = 0; turn < kTurnsMax && second.assigned() != kPartitions / 2; ++turn) {
            // Nothing is committed here, so a partition that moves is read again from the commit.
            std::set<int> ignored;
            first.take_one(ignored, repeated);
            second.take_one(ignored, repeated);
        }
        check("a second member gets half of the partitions",
              first.assigned() == kPartitions / 2 && second.assigned() == kPartitions / 2);
    }
    for (int turn = 0; turn < kTurnsMax && first.assigned() != kPartitions; ++turn) {
        std::set<int> ignored;
        first.take_one(ignored, repeated);
    }
    check("the first has all again when the second leaves", first.assigned() == kPartitions);
}

void resume(const std::string& address) {
    std::set<int> found;
    int repeated = 0;
    {
        Member member(address);
        for (int turn = 0; turn < kMessages && found.empty(); ++turn) {
            member.take_one(found, repeated);
        }
        constexpr int kTurnsMax = 2 * kMessages;
        for (int turn = 0; turn < kTurnsMax && found.size() < kMessages - kMessages / 4; ++turn) {
            member.take_one(found, repeated);
        }
        check("after a restart a member reads what was not committed, once",
              found.size() == kMessages - kMessages / 4 && repeated == 0,
              std::to_string(found.size()) + " messages");
        check("it commits the rest", member.commit());
    }
    found.clear();
    Member member(address);
    for (int turn = 0; turn < 40; ++turn) {
        member.take_one(found, repeated);
    }
    check("then nothing is left", found.empty() && member.assigned() == kPartitions);
}

// What is not offered is said at once: librdkafka asks again, without an end, for a coordinator that is refused in other words.
void refuse_transactions(const std::string& address) {
    const auto conf = configuration({{"bootstrap.servers", address}, {"transactional.id", "t"}});
    std::string why;
    const std::unique_ptr<RdKafka::Producer> producer(RdKafka::Producer::create(conf.get(), why));
    const std::unique_ptr<RdKafka::Error> error(producer->init_transactions(kWaitMillis));
    check("a transactional producer is refused for good",
          error != nullptr && error->is_fatal() &&
              error->code() == RdKafka::ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
          error == nullptr ? "it was accepted" : error->str());
}

}  // namespace
}  // namespace millrace::testing

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: rdkafka_check ADDRESS\n";
        return 2;
    }
    millrace::testing::produce_all(argv[1]);
    millrace::testing::consume_all(argv[1]);
    millrace::testing::resume(argv[1]);
    millrace::testing::refuse_transactions(argv[1]);
    return millrace::testing::failures == 0 ? 0 : 1;
}
