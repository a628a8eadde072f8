// What producers and consumers saw of the partitions of a topic, and whether logs that lose nothing could have answered so.
// Every record has a value of its own and is sent once; a record that was not answered may be there or not.
//
// Rules: an acknowledged record is at its offset at the end; no value is there twice; what a consumer read is there unchanged;
// offsets have no gaps; of two acknowledged records the one acknowledged before the other was sent comes first, and
// so does the one sent first over the same connection.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace millrace::sim {

class KafkaHistory {
 public:
    using Report = std::function<void(std::string)>;
    explicit KafkaHistory(Report report) : x_report(std::move(report)) {}

    using BatchId = std::size_t;
    // connection: names the producer's connection; numbers of one producer never come again.
    BatchId batch_sent(std::int32_t partition, const std::string& connection,
                       std::vector<std::string> values);
    void batch_acknowledged(BatchId batch, std::int64_t base_offset);
    void consumed(std::int32_t partition, std::int64_t offset, const std::string& value);

    // All records of a partition, in the order of the log.
    using Log = std::vector<std::pair<std::int64_t, std::string>>;
    void check_final(std::int32_t partition, const Log& log);

    std::size_t acknowledged() const { return x_acknowledged; }
    std::size_t consumed_count() const { return x_consumed.size(); }

 private:
    struct Batch {
        std::int32_t partition;
        std::string connection;
        std::vector<std::string> values;
        std::int64_t floor =
            -1;  // the greatest offset acknowledged in the partition when it was sent
        std::int64_t base_offset = -1;  // -1: not acknowledged
    };

    void check_order(std::int32_t partition);

    Report x_report;
    std::vector<Batch> x_batches;
    std::map<std::int32_t, std::int64_t> x_greatest;
    std::map<std::pair<std::int32_t, std::int64_t>, std::string> x_consumed;
    std::size_t x_acknowledged = 0;
};

}  // namespace millrace::sim
