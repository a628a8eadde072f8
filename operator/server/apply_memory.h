// What was applied last, so that applying it again can be left out: with nothing to change, the operator writes nothing. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operator/kube/client.h"

namespace millrace::kube_operator::server {

struct ObjectId {
    std::string kind;
    kube::ObjectName name;

    auto operator<=>(const ObjectId&) const = default;
};

// True when every member that wanted names has that value in actual; members that others added do not count. Lists are compared
// item by item.
bool carries(const nlohmann::json& actual, const nlohmann::json& wanted);

class ApplyMemory {
 public:
    // Objects remembered; above, all are forgotten and applied once more.
    static constexpr std::size_t kObjectsMax = 100'000;

    // True when wanted need not be applied: it was the last thing applied, and the object is as that left it or still carries
    // it. cached is null when the object is not there.
    bool holds(const ObjectId& id, const nlohmann::json& wanted,
               const nlohmann::json* cached) const;
    // stored: the API's answer.
    void applied(const ObjectId& id, const nlohmann::json& wanted, const nlohmann::json& stored);
    void forget(const ObjectId& id) { x_entries.erase(id); }
    std::size_t size() const { return x_entries.size(); }

 private:
    struct Entry {
        std::size_t hash = 0;
        std::string resource_version;
    };
    std::map<ObjectId, Entry> x_entries;
};

}  // namespace millrace::kube_operator::server
