// What producers and consumers saw of the partitions of a topic, and whether logs that lose nothing could have answered so.
// Every record has a value of its own; a record that was not answered may be there or not.
//
// Rules: an acknowledged record is at its offset at the end; no value is there twice; what a consumer read is there unchanged;
// offsets have no gaps; of two acknowledged records the one acknowledged before the other was sent comes first, and so does
// the one sent first in the same chain. In a chain with sequence numbers this holds for all records that are there, and none
// is there behind one that is missing. The high watermark that anybody was told never falls.
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

    // What one producer sends in order. Names never come again.
    struct Chain {
        std::string name;
        bool has_sequences = false;
    };
    using BatchId = std::size_t;
    // A batch that is sent again with its sequence numbers is reported once.
    BatchId batch_sent(std::int32_t partition, const Chain& chain, std::vector<std::string> values);
    void batch_acknowledged(BatchId batch, std::int64_t base_offset);
    void consumed(std::int32_t partition, std::int64_t offset, const std::string& value);

    // What an answer must show at least that is asked for after this call.
    std::int64_t high_watermark_floor(std::int32_t partition) const;
    void high_watermark_told(std::int32_t partition, std::int64_t floor, std::int64_t told);

    // All records of a partition, in the order of the log.
    using Log = std::vector<std::pair<std::int64_t, std::string>>;
    void check_final(std::int32_t partition, const Log& log);

    std::size_t acknowledged() const { return x_acknowledged; }
    std::size_t consumed_count() const { return x_consumed.size(); }

 private:
    struct Batch {
        std::int32_t partition;
        std::string chain;
        bool has_sequence;
        std::vector<std::string> values;
        // The greatest offset acknowledged in the partition when it was sent.
        std::int64_t floor = -1;
        std::int64_t base_offset = -1;  // -1: not acknowledged
    };
    using ByOffset = std::map<std::int64_t, std::string>;
    using ByValue = std::map<std::string, std::int64_t>;

    void check_acknowledged(std::int32_t partition, const ByOffset& by_offset);
    void check_consumed(std::int32_t partition, const ByOffset& by_offset);
    void check_order(std::int32_t partition, const ByValue& by_value);

    Report x_report;
    std::vector<Batch> x_batches;
    std::map<std::int32_t, std::int64_t> x_greatest;
    std::map<std::int32_t, std::int64_t> x_high_watermarks;
    std::map<std::pair<std::int32_t, std::int64_t>, std::string> x_consumed;
    std::size_t x_acknowledged = 0;
};

}  // namespace millrace::sim
