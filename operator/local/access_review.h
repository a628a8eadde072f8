// Questions about who somebody is and what they may do. Whoever reaches the loopback address of the embedded server owns it, so
// every answer is yes. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace millrace::kube_operator::local {

// The status of a review of this kind (SelfSubjectAccessReview and its like, authentication.k8s.io/v1, authorization.k8s.io/v1).
nlohmann::json review_status(const std::string& kind);

}  // namespace millrace::kube_operator::local
