// Refusals of the embedded API server: what becomes a Status object of kind Failure. The words of reasons, causes and messages
// are those kubectl prints and users search for (Kubernetes API conventions, "Response Status Kind").
#pragma once

#include <cstdint>
#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace millrace::kube_operator::local {

// One reason of a refusal, with the path of the field it is about.
struct Cause {
    std::string reason;   // FieldValueInvalid, FieldValueRequired, …
    std::string message;  // without the field
    std::string field;    // "spec.brokers[0].port"
};
using Causes = std::vector<Cause>;

struct ApiError {
    int code = 500;
    std::string reason;
    std::string message;
    std::string group;
    std::string kind;  // the kind, or the plural where the API says so
    std::string name;
    Causes causes;
};

template <class T>
using ApiResult = std::expected<T, ApiError>;
using ApiStatus = ApiResult<void>;

inline std::unexpected<ApiError> refuse(ApiError error) {
    return std::unexpected<ApiError>(std::move(error));
}

// What the errors below are about. resource is the plural with its group: "kafkatopics.kafka.example.dev".
struct ErrorSubject {
    std::string group;
    std::string plural;
    std::string kind;
    std::string name;

    std::string resource() const;
};

ApiError not_found(const ErrorSubject& subject);
ApiError already_exists(const ErrorSubject& subject);
ApiError conflict(const ErrorSubject& subject, const std::string& why);
ApiError invalid(const ErrorSubject& subject, Causes causes);
ApiError forbidden(const ErrorSubject& subject, const std::string& why);
ApiError bad_request(std::string message);
ApiError path_not_found();
ApiError method_not_allowed();
// For what a real server has and this one cannot have. what is the resource or subresource: "pods/exec".
ApiError not_offered(const std::string& what, const std::string& why);
ApiError not_acceptable(std::string message);
ApiError unsupported_media_type(std::string message);
ApiError gone(std::string message);
ApiError too_large(std::string message);
// A client has seen a later state than there is.
ApiError from_the_future(std::uint64_t asked, std::uint64_t present);
ApiError too_many_requests(std::string message);

// Causes as messages name them: "spec.a: Required value".
Cause required_value(std::string field, const std::string& detail = {});
Cause invalid_value(std::string field, const nlohmann::json& value, const std::string& detail);
Cause unsupported_value(std::string field, const nlohmann::json& value,
                        const std::vector<std::string>& allowed);
Cause duplicate_value(std::string field, const nlohmann::json& value);
Cause too_long(std::string field, std::size_t max);
Cause too_many(std::string field, std::size_t actual, std::size_t max);
Cause wrong_type(std::string field, const nlohmann::json& value, const std::string& expected);
Cause forbidden_field(std::string field, const std::string& detail);

nlohmann::json status_object(const ApiError& error);

}  // namespace millrace::kube_operator::local

// API_TRY(result) yields the value, or returns the refusal from the enclosing function.
#define API_TRY(...)                                                                         \
    ({                                                                                       \
        auto api_result_ = (__VA_ARGS__);                                                    \
        if (!api_result_) [[unlikely]] {                                                     \
            return ::millrace::kube_operator::local::refuse(std::move(api_result_).error()); \
        }                                                                                    \
        ::millrace::kube_operator::local::take_value(std::move(api_result_));                \
    })

namespace millrace::kube_operator::local {
template <class T>
T take_value(ApiResult<T>&& result) {
    return std::move(*result);
}
inline void take_value(ApiStatus&&) {}
}  // namespace millrace::kube_operator::local
