#include "cli/range_assignor.h"

#include <set>

namespace millrace::cli {

std::map<std::string, Assignment> assign_ranges(
    const std::map<std::string, std::vector<std::string>>& subscriptions,
    const std::map<std::string, std::int32_t>& partition_counts) {
    std::map<std::string, Assignment> assigned;
    std::map<std::string, std::set<std::string>> members_of;
    for (const auto& [member, topics] : subscriptions) {
        assigned[member];
        for (const std::string& topic : topics) {
            members_of[topic].insert(member);
        }
    }
    for (const auto& [topic, members] : members_of) {
        const auto count = partition_counts.find(topic);
        if (count == partition_counts.end()) {
            continue;
        }
        const auto shares = static_cast<std::int32_t>(members.size());
        std::int32_t longer = count->second % shares;
        std::int32_t next = 0;
        for (const std::string& member : members) {
            const std::int32_t end = next + count->second / shares + (longer-- > 0 ? 1 : 0);
            for (; next < end; ++next) {
                assigned[member][topic].push_back(next);
            }
        }
    }
    return assigned;
}

}  // namespace millrace::cli
