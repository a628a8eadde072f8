#include "tests/sim/group_history.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::sim {

namespace {

constexpr std::int64_t kNothing = -1;  // what a coordinator says of a partition without a commit

}  // namespace

void GroupHistory::assigned(std::int32_t generation, const std::string& member,
                            const std::vector<std::int32_t>& partitions) {
    for (const std::int32_t partition : partitions) {
        const auto [owner, is_first] = x_owners.emplace(std::pair{generation, partition}, member);
        if (!is_first && owner->second != member) {
            x_report(fmt::format("in generation {} partition {} belongs to {} and to {}",
                                 generation, partition, owner->second, member));
        }
    }
}

void GroupHistory::commit_sent(std::int32_t partition, std::int64_t offset) {
    std::int64_t& greatest = x_sent[partition];
    greatest = std::max(greatest, offset);
}

void GroupHistory::commit_acknowledged(std::int32_t partition, std::int64_t offset) {
    ++x_acknowledged;
    std::int64_t& greatest = x_floors.try_emplace(partition, kNothing).first->second;
    greatest = std::max(greatest, offset);
}

std::int64_t GroupHistory::floor(std::int32_t partition) const {
    const auto found = x_floors.find(partition);
    return found == x_floors.end() ? kNothing : found->second;
}

void GroupHistory::offset_read(std::int32_t partition, std::int64_t floor, std::int64_t offset) {
    if (offset < floor) {
        x_report(fmt::format("lost: the group's offset of partition {} was {} and is read as {}",
                             partition, floor, offset));
    }
    const auto sent = x_sent.find(partition);
    if (offset > (sent == x_sent.end() ? kNothing : sent->second)) {
        x_report(fmt::format("the group's offset of partition {} is {}, which nobody committed",
                             partition, offset));
    }
    std::int64_t& greatest = x_floors.try_emplace(partition, kNothing).first->second;
    greatest = std::max(greatest, offset);
}

}  // namespace millrace::sim
