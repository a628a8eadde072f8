// URLs and headers of requests, taken apart. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::kube_operator::local {

// /api/v1/namespaces/a/pods/b/log -> {"", "v1", "a", "pods", "b", "log"}.
struct ResourcePath {
    std::string group;
    std::string version;
    std::string name_space;
    std::string plural;
    std::string name;
    std::string subresource;
};

// Nothing for other paths, discovery included.
std::optional<ResourcePath> parse_resource_path(std::string_view path);

std::vector<std::string> split_segments(std::string_view path);

// The form in which a client wants its answer.
enum class AnswerForm { json, table, partial, discovery, none };
// The first form of an Accept header that is offered; none when nothing is.
AnswerForm choose_form(std::string_view accept);

// What a body is, by its Content-Type.
enum class BodyForm { json, yaml, merge_patch, json_patch, strategic_patch, apply_patch, other };
BodyForm body_form(std::string_view content_type);

// The manager of a write: fieldManager, else the user agent up to its first slash.
std::string manager_of(const std::map<std::string, std::string>& query,
                       const std::string& user_agent);

}  // namespace millrace::kube_operator::local
