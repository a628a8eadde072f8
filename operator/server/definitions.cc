#include "operator/server/definitions.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "operator/api/kinds.h"
#include "operator/kube/json_text.h"
#include "operator/server/resource_types.h"

namespace millrace::kube_operator::server {
namespace {

using kube::JsonPtr;
using nlohmann::json;

constexpr Duration kRetry = 200ms;

kube::ObjectName definition_name(const api::Kind& kind) {
    return {"", fmt::format("{}.{}", kind.plural, api::kGroup)};
}

bool is_established(const json& definition) {
    for (const json& condition : kube::value_at(definition, {"status", "conditions"})) {
        if (kube::text_at(condition, {"type"}) == "Established") {
            return kube::text_at(condition, {"status"}) == "True";
        }
    }
    return false;
}

}  // namespace

Definitions::Definitions(runtime::Loop& loop, kube::Client& client, DefinitionPolicy policy)
    : x_loop(loop), x_client(client), x_policy(policy) {}

Definitions::~Definitions() {
    x_loop.cancel(x_timer);
}

void Definitions::start(std::function<void()> on_established) {
    x_on_established = std::move(on_established);
    next();
}

void Definitions::next() {
    if (x_at == api::all_kinds().size()) {
        log_info("operator", "the API serves all {} kinds of {}", x_at, api::kGroup);
        x_on_established();
    } else if (x_policy == DefinitionPolicy::apply && !x_applied) {
        apply();
    } else {
        check();
    }
}

void Definitions::apply() {
    Result<json> definition = kube::parse_json(api::crd_json(api::all_kinds()[x_at]));
    CHECK(definition.has_value(), "definitions are well-formed");
    // Whoever installed an older version by hand used another manager: the operator's own version wins.
    x_client.apply(type_of("CustomResourceDefinition"),
                   std::make_shared<const json>(std::move(*definition)),
                   {kube::Subresource::none, true}, [this](const Result<JsonPtr>& stored) {
                       if (!stored) {
                           later(stored.error().message);
                           return;
                       }
                       x_applied = true;
                       next();
                   });
}

void Definitions::check() {
    x_client.get(type_of("CustomResourceDefinition"), definition_name(api::all_kinds()[x_at]),
                 [this](const Result<JsonPtr>& found) {
                     if (!found) {
                         later(found.error().message);
                     } else if (!is_established(**found)) {
                         later("it is not established yet");
                     } else {
                         ++x_at;
                         x_applied = false;
                         next();
                     }
                 });
}

void Definitions::later(const std::string& why) {
    if (why != x_last_reason) {
        log_warning("operator", "waiting for the definition {}: {}",
                    definition_name(api::all_kinds()[x_at]).name, why);
        x_last_reason = why;
    }
    x_timer = x_loop.run_after(kRetry, [this] { next(); });
}

}  // namespace millrace::kube_operator::server
