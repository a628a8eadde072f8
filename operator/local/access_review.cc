#include "operator/local/access_review.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::local {

nlohmann::json review_status(const std::string& kind) {
    using Json = nlohmann::json;
    const Json all = Json::array({"*"});
    if (kind == "SelfSubjectReview") {
        return {{"userInfo",
                 {{"username", "millrace-local"},
                  {"groups", {"system:masters", "system:authenticated"}}}}};
    }
    if (kind == "SelfSubjectRulesReview") {
        return {{"resourceRules",
                 Json::array({{{"verbs", all}, {"apiGroups", all}, {"resources", all}}})},
                {"nonResourceRules", Json::array({{{"verbs", all}, {"nonResourceURLs", all}}})},
                {"incomplete", false}};
    }
    return {{"allowed", true}, {"reason", "the embedded API server has one user"}};
}

}  // namespace millrace::kube_operator::local
