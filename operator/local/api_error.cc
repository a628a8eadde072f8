#include "operator/local/api_error.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

// Values in messages are cut: a whole object in a message helps nobody.
constexpr std::size_t kShownValueMax = 200;

std::string shown(const nlohmann::json& value) {
    std::string text = value.is_null() ? "null" : kube::to_text(value);
    if (text.size() > kShownValueMax) {
        text.resize(kShownValueMax);
        text += "...";
    }
    return text;
}

ApiError about(const ErrorSubject& subject, int code, std::string reason, std::string message) {
    return {
        code, std::move(reason), std::move(message), subject.group, subject.plural, subject.name,
        {}};
}

}  // namespace

std::string ErrorSubject::resource() const {
    return group.empty() ? plural : plural + "." + group;
}

ApiError not_found(const ErrorSubject& subject) {
    return about(subject, 404, "NotFound",
                 fmt::format("{} \"{}\" not found", subject.resource(), subject.name));
}

ApiError already_exists(const ErrorSubject& subject) {
    return about(subject, 409, "AlreadyExists",
                 fmt::format("{} \"{}\" already exists", subject.resource(), subject.name));
}

ApiError conflict(const ErrorSubject& subject, const std::string& why) {
    return about(subject, 409, "Conflict",
                 fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", subject.resource(),
                             subject.name, why));
}

ApiError invalid(const ErrorSubject& subject, Causes causes) {
    std::vector<std::string> lines;
    lines.reserve(causes.size());
    for (const Cause& cause : causes) {
        lines.push_back(fmt::format("{}: {}", cause.field, cause.message));
    }
    std::string list =
        lines.size() == 1 ? lines.front() : fmt::format("[{}]", fmt::join(lines, ", "));
    const std::string kind =
        subject.group.empty() ? subject.kind : subject.kind + "." + subject.group;
    ApiError error = about(subject, 422, "Invalid",
                           fmt::format("{} \"{}\" is invalid: {}", kind, subject.name, list));
    error.kind = subject.kind;
    error.causes = std::move(causes);
    return error;
}

ApiError forbidden(const ErrorSubject& subject, const std::string& why) {
    return about(subject, 403, "Forbidden",
                 fmt::format("{} \"{}\" is forbidden: {}", subject.resource(), subject.name, why));
}

ApiError bad_request(std::string message) {
    return {400, "BadRequest", std::move(message), {}, {}, {}, {}};
}
ApiError path_not_found() {
    return {404, "NotFound", "the server could not find the requested resource", {}, {}, {}, {}};
}
ApiError method_not_allowed() {
    return {405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
            {},
            {},
            {},
            {}};
}
ApiError not_offered(const std::string& what, const std::string& why) {
    return {405,
            "MethodNotAllowed",
            fmt::format("{} is not offered by the embedded API server: {}", what, why),
            {},
            {},
            {},
            {}};
}
ApiError not_acceptable(std::string message) {
    return {406, "NotAcceptable", std::move(message), {}, {}, {}, {}};
}
ApiError unsupported_media_type(std::string message) {
    return {415, "UnsupportedMediaType", std::move(message), {}, {}, {}, {}};
}
ApiError gone(std::string message) {
    return {410, "Expired", std::move(message), {}, {}, {}, {}};
}
ApiError too_large(std::string message) {
    return {413, "RequestEntityTooLarge", std::move(message), {}, {}, {}, {}};
}
ApiError from_the_future(std::uint64_t asked, std::uint64_t present) {
    ApiError error{
        504, "Timeout", fmt::format("Too large resource version: {}, current: {}", asked, present),
        {},  {},        {},
        {}};
    error.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
    return error;
}
ApiError too_many_requests(std::string message) {
    return {429, "TooManyRequests", std::move(message), {}, {}, {}, {}};
}

Cause required_value(std::string field, const std::string& detail) {
    return {"FieldValueRequired", detail.empty() ? "Required value" : "Required value: " + detail,
            std::move(field)};
}
Cause invalid_value(std::string field, const nlohmann::json& value, const std::string& detail) {
    return {"FieldValueInvalid", fmt::format("Invalid value: {}: {}", shown(value), detail),
            std::move(field)};
}
Cause unsupported_value(std::string field, const nlohmann::json& value,
                        const std::vector<std::string>& allowed) {
    std::vector<std::string> quoted;
    for (const std::string& one : allowed) {
        quoted.push_back("\"" + one + "\"");
    }
    return {"FieldValueNotSupported",
            fmt::format("Unsupported value: {}: supported values: {}", shown(value),
                        fmt::join(quoted, ", ")),
            std::move(field)};
}
Cause duplicate_value(std::string field, const nlohmann::json& value) {
    return {"FieldValueDuplicate", "Duplicate value: " + shown(value), std::move(field)};
}
Cause too_long(std::string field, std::size_t max) {
    return {"FieldValueTooLong", fmt::format("Too long: may not be more than {} bytes", max),
            std::move(field)};
}
Cause too_many(std::string field, std::size_t actual, std::size_t max) {
    return {"FieldValueTooMany",
            fmt::format("Too many: {}: must have at most {} items", actual, max), std::move(field)};
}
Cause wrong_type(std::string field, const nlohmann::json& value, const std::string& expected) {
    const std::string where = field;
    const std::string got = value.is_number_integer() ? "integer" : value.type_name();
    return {"FieldValueTypeInvalid",
            fmt::format("Invalid value: \"{}\": {} in body must be of type {}: \"{}\"", got, where,
                        expected, got),
            std::move(field)};
}
Cause forbidden_field(std::string field, const std::string& detail) {
    return {"FieldValueForbidden", "Forbidden: " + detail, std::move(field)};
}

nlohmann::json status_object(const ApiError& error) {
    nlohmann::json status = {
        {"kind", "Status"},    {"apiVersion", "v1"},       {"metadata", nlohmann::json::object()},
        {"status", "Failure"}, {"message", error.message}, {"reason", error.reason},
        {"code", error.code}};
    nlohmann::json details = nlohmann::json::object();
    if (!error.name.empty()) {
        details["name"] = error.name;
    }
    if (!error.group.empty()) {
        details["group"] = error.group;
    }
    if (!error.kind.empty()) {
        details["kind"] = error.kind;
    }
    if (!error.causes.empty()) {
        nlohmann::json causes = nlohmann::json::array();
        for (const Cause& cause : error.causes) {
            causes.push_back(
                {{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
        }
        details["causes"] = std::move(causes);
    }
    if (error.code == 429 || error.code == 504) {
        details["retryAfterSeconds"] = 1;
    }
    // Clients look into the details of a 404 without asking whether it has any.
    if (!details.empty() || error.code == 404) {
        status["details"] = std::move(details);
    }
    return status;
}

}  // namespace millrace::kube_operator::local
