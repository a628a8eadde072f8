#include "cli/local_api.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

namespace millrace::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kCollection = "/apis/millrace.dev/v1alpha1/namespaces/default/";
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kKinds{{
    {"coordinatorensembles", "CoordinatorEnsemble"},
    {"kafkaclusters", "KafkaCluster"},
    {"brokerpools", "BrokerPool"},
    {"kafkatopics", "KafkaTopic"},
}};

// The text at a JSON pointer; empty when there is none.
std::string text_at(const json& object, const std::string& pointer) {
    const json::json_pointer where(pointer);
    if (!object.contains(where) || !object.at(where).is_string()) {
        return "";
    }
    return object.at(where).get<std::string>();
}

ResourceState state_of(const json& object, std::string_view kind) {
    ResourceState state{.kind = std::string(kind),
                        .name = text_at(object, "/metadata/name"),
                        .ready = false,
                        .message = "",
                        .address = text_at(object, "/status/clientEndpoint")};
    if (state.address.empty()) {
        state.address = text_at(object, "/status/listeners/0/bootstrap");
    }
    const json::json_pointer conditions("/status/conditions");
    if (!object.contains(conditions) || !object.at(conditions).is_array()) {
        return state;
    }
    for (const json& condition : object.at(conditions)) {
        if (text_at(condition, "/type") == "Ready") {
            state.ready = text_at(condition, "/status") == "True";
            state.message = text_at(condition, "/message");
        }
    }
    return state;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '"')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '"' || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    return text;
}

}  // namespace

LocalApi::LocalApi(EventRunner& runner, std::string url)
    : x_runner(runner),
      x_client(runtime::make_http_client(
          runner.loop(), {.base_url = std::move(url), .connect_timeout = 2s, .read_timeout = 5s})) {
}

Result<std::vector<ResourceState>> LocalApi::resources() {
    std::vector<ResourceState> found;
    for (const auto& [plural, kind] : kKinds) {
        TRY(add_kind(plural, kind, found));
    }
    return found;
}

Status LocalApi::add_kind(std::string_view plural, std::string_view kind,
                          std::vector<ResourceState>& into) {
    runtime::HttpRequest request;
    request.path = fmt::format("{}{}", kCollection, plural);
    const auto response = TRY(x_runner.await<Result<runtime::HttpResponse>>(
        [&](auto then) { x_client->request(std::move(request), std::move(then)); }));
    // The definitions are put in place by the operator, a moment after the server listens.
    if (response.status == 404) {
        return {};
    }
    const json list = json::parse(response.body, nullptr, false);
    if (!response.ok() || !list.is_object() || !list.contains("items")) {
        return fail(Errc::malformed, fmt::format("the API server answers {} with status {}", plural,
                                                 response.status));
    }
    for (const json& object : list.at("items")) {
        into.push_back(state_of(object, kind));
    }
    return {};
}

std::vector<std::string> declared_resources(std::string_view yaml) {
    std::vector<std::string> found;
    std::string kind;
    bool in_metadata = false;
    while (!yaml.empty()) {
        const std::string_view line = yaml.substr(0, yaml.find('\n'));
        yaml.remove_prefix(std::min(yaml.size(), line.size() + 1));
        if (line.starts_with("---")) {
            kind.clear();
        }
        if (line.starts_with("kind:")) {
            kind = trimmed(line.substr(5));
        }
        if (!line.empty() && line.front() != ' ' && line.front() != '#') {
            in_metadata = line.starts_with("metadata:");
        }
        if (in_metadata && line.starts_with("  name:") && !kind.empty()) {
            found.push_back(fmt::format("{} {}", kind, trimmed(line.substr(7))));
        }
    }
    return found;
}

}  // namespace millrace::cli
