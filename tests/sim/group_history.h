// What the members of one consumer group saw, and whether a coordinator that loses nothing could have answered so.
//
// Rules: a partition has one owner in a generation; an offset that is read is at least what had been acknowledged, and what
// anybody had read, before it was asked for, as every member commits more than it has read; it was committed by somebody.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace millrace::sim {

class GroupHistory {
 public:
    using Report = std::function<void(std::string)>;
    explicit GroupHistory(Report report) : x_report(std::move(report)) {}

    void assigned(std::int32_t generation, const std::string& member,
                  const std::vector<std::int32_t>& partitions);
    void commit_sent(std::int32_t partition, std::int64_t offset);
    void commit_acknowledged(std::int32_t partition, std::int64_t offset);
    // What a read that begins now must show at least.
    std::int64_t floor(std::int32_t partition) const;
    void offset_read(std::int32_t partition, std::int64_t floor, std::int64_t offset);

    std::size_t acknowledged() const { return x_acknowledged; }

 private:
    Report x_report;
    std::map<std::pair<std::int32_t, std::int32_t>, std::string> x_owners;  // generation, partition
    std::map<std::int32_t, std::int64_t> x_floors;
    std::map<std::int32_t, std::int64_t> x_sent;
    std::size_t x_acknowledged = 0;
};

}  // namespace millrace::sim
