// What every object of the API carries beside spec and status.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "operator/api/field_visitor.h"

namespace millrace::kube_operator::api {

struct Metadata {
    std::string name;
    std::string namespace_name;
    std::string uid;
    std::string resource_version;
    std::int64_t generation = 0;
    std::string deletion_timestamp;  // set: the object is going away
    std::map<std::string, std::string> labels;
    std::map<std::string, std::string> annotations;
    std::vector<std::string> finalizers;

    bool deleting() const { return !deletion_timestamp.empty(); }
};

// A condition of the standard form (metav1.Condition).
struct Condition {
    std::string type;
    std::string status;  // True, False, Unknown
    std::string reason;
    std::string message;
    std::string last_transition_time;
    std::int64_t observed_generation = 0;

    bool operator==(const Condition&) const = default;
};

void describe(FieldVisitor& visitor, std::vector<Condition>& conditions);

// Sets or replaces the condition of its type. last_transition_time is kept unless the status changes.
void set_condition(std::vector<Condition>& conditions, Condition condition);
const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type);

// One resource as the operator reads it: metadata, and spec and status as JSON text ("{}" when absent).
struct RawObject {
    std::string kind;
    Metadata metadata;
    std::string spec;
    std::string status;
};

// Errors: malformed.
Result<RawObject> parse_object(std::string_view json);

}  // namespace millrace::kube_operator::api
