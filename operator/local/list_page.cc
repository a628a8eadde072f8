#include "operator/local/list_page.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

std::string query_value(const std::map<std::string, std::string>& query, const std::string& name) {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size()
               ? std::optional(value)
               : std::nullopt;
}

// "REVISION:NAMESPACE/NAME".
ApiResult<PageRequest> read_token(const std::string& token, const std::string& resource) {
    const std::size_t colon = token.find(':');
    const std::size_t slash = token.find('/');
    const std::optional<std::uint64_t> revision = number(token.substr(0, colon));
    if (!revision || colon == std::string::npos || slash == std::string::npos || slash < colon) {
        return refuse(bad_request("continue key is not valid: " + token));
    }
    PageRequest page;
    page.revision = *revision;
    page.after =
        ObjectKey{resource, token.substr(colon + 1, slash - colon - 1), token.substr(slash + 1)};
    return page;
}

}  // namespace

ApiResult<PageRequest> read_page(const std::map<std::string, std::string>& query,
                                 const std::string& resource, const Store& store) {
    PageRequest page;
    page.revision = store.revision();
    const std::string token = query_value(query, "continue");
    const std::string version = query_value(query, "resourceVersion");
    if (!token.empty()) {
        page = API_TRY(read_token(token, resource));
        if (!store.changes_after(page.revision)) {
            return refuse(
                gone("The provided continue parameter is too old to display a consistent "
                     "list result. Start a new list without the continue parameter."));
        }
    } else if (!version.empty()) {
        const std::optional<std::uint64_t> asked = number(version);
        if (!asked) {
            return refuse(bad_request("invalid resource version " + version));
        }
        if (*asked > store.revision()) {
            return refuse(from_the_future(*asked, store.revision()));
        }
        if (query_value(query, "resourceVersionMatch") == "Exact" && *asked != store.revision()) {
            return refuse(gone("The resourceVersion for the provided list is too old."));
        }
    }
    const std::string limit = query_value(query, "limit");
    if (!limit.empty()) {
        const std::optional<std::uint64_t> count = number(limit);
        if (!count) {
            return refuse(bad_request("invalid limit " + limit));
        }
        page.limit = static_cast<std::size_t>(*count);
    }
    return page;
}

std::string page_token(std::uint64_t revision, const nlohmann::json& last) {
    const kube::ObjectName name = kube::name_of(last);
    return fmt::format("{}:{}/{}", revision, name.name_space, name.name);
}

}  // namespace millrace::kube_operator::local
