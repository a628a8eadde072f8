// Pages of a list: limit and continue. A token names the state the first page was taken from and the last object that was shown.
// Later pages show the present state of the rest; a watch from the first page's version tells what changed meanwhile. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "operator/local/api_error.h"
#include "operator/local/store.h"

namespace millrace::kube_operator::local {

struct PageRequest {
    std::size_t limit = 0;  // 0: everything
    std::optional<ObjectKey> after;
    std::uint64_t revision = 0;  // the state that the list as a whole is of
};

// Reads limit, continue, resourceVersion and resourceVersionMatch. Refused: malformed values, a state that is no longer or not yet
// there.
ApiResult<PageRequest> read_page(const std::map<std::string, std::string>& query,
                                 const std::string& resource, const Store& store);

// What the next request passes as "continue".
std::string page_token(std::uint64_t revision, const nlohmann::json& last);

}  // namespace millrace::kube_operator::local
