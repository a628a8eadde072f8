// Every request that the schemas of this folder declare. The ApiVersions answer, the dispatch of a
// broker and the limits of a client come from this one table, which the generator fills
// (api_table.cc in the build folder).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::kafka {

struct ApiInfo {
    std::int16_t key = 0;
    std::string_view name;  // as Kafka spells it, e.g. "Fetch"
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;     // included; the same for the response
    std::int16_t first_flexible = 0;  // 32767 when no version is flexible

    bool serves(std::int16_t version) const {
        return min_version <= version && version <= max_version;
    }
};

// Ascending by key. Lives as long as the process.
std::span<const ApiInfo> all_apis();

// Null for a key that no request has.
const ApiInfo* find_api(std::int16_t key);

}  // namespace millrace::kafka
