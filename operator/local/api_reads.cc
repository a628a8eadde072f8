// GET, LIST, WATCH and logs of ApiCore.
#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/api_call.h"
#include "operator/local/list_page.h"
#include "operator/local/scale.h"
#include "operator/local/table.h"
#include "operator/local/wall_clock.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::value_at;

TableObjects rows_of(const std::string& include) {
    return include == "None"     ? TableObjects::none
           : include == "Object" ? TableObjects::full
                                 : TableObjects::metadata;
}

std::optional<std::int64_t> number(const std::string& text) {
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size()
               ? std::optional(value)
               : std::nullopt;
}

ApiResult<std::optional<WallTime>> log_since(const std::string& seconds, const std::string& time,
                                             WallTime now) {
    constexpr std::int64_t kMillisPerSecond = 1000;
    const std::optional<std::int64_t> age = number(seconds);
    const std::optional<WallTime> moment = time.empty() ? std::nullopt : parse_time(time);
    const bool wrong =
        (!seconds.empty() && (!age || *age < 1)) || (!time.empty() && !moment) || (age && moment);
    if (wrong) {
        return refuse(bad_request(
            "at most one of `sinceTime` (RFC 3339) and `sinceSeconds` (above 0) may be specified"));
    }
    return age ? WallTime{now.millis - *age * kMillisPerSecond} : moment;
}

}  // namespace

ApiResult<ApiOutcome> ApiCore::get(const Call& call) const {
    const JsonPtr object =
        x_store.find({call.resource->store_name(), call.path.name_space, call.path.name});
    if (!object) {
        return refuse(not_found(call.resource->subject(call.path.name)));
    }
    if (call.path.subresource == "scale") {
        return json_answer(make_scale(*call.resource, *object));
    }
    const JsonPtr shown = as_version(object, *call.resource);
    if (call.form == AnswerForm::table) {
        Json table =
            make_table(*call.resource, {shown}, rows_of(call.query("includeObject")), call.now);
        table["metadata"]["resourceVersion"] = value_at(*object, {"metadata", "resourceVersion"});
        return json_answer(table);
    }
    return json_answer(call.form == AnswerForm::partial ? partial_object(*shown) : *shown);
}

bool ApiCore::Selection::takes(const nlohmann::json& object) const {
    return labels.matches(value_at(object, {"metadata", "labels"})) && fields.matches(object);
}

ApiResult<ApiCore::Selection> ApiCore::selection(const Call& call) const {
    std::string wanted = call.query("fieldSelector");
    if (!call.path.name.empty()) {
        wanted += (wanted.empty() ? "metadata.name=" : ",metadata.name=") + call.path.name;
    }
    Result<LabelSelector> labels = LabelSelector::parse(call.query("labelSelector"));
    Result<FieldSelector> fields = FieldSelector::parse(wanted);
    if (!labels || !fields) {
        return refuse(bad_request(labels ? fields.error().message : labels.error().message));
    }
    if (const Status known = fields->names_only(call.resource->selectable); !known) {
        return refuse(bad_request(known.error().message));
    }
    return Selection{std::move(*labels), std::move(*fields)};
}

ApiResult<std::vector<JsonPtr>> ApiCore::selected(const Call& call) const {
    const Selection wanted = API_TRY(selection(call));
    std::vector<JsonPtr> objects;
    for (const JsonPtr& object : x_store.list(call.resource->store_name(), call.path.name_space)) {
        if (wanted.takes(*object)) {
            objects.push_back(as_version(object, *call.resource));
        }
    }
    return objects;
}

ApiResult<ApiOutcome> ApiCore::list(const Call& call) const {
    const std::string collection = call.resource->store_name();
    const PageRequest page = API_TRY(read_page(call.request.query, collection, x_store));
    std::vector<JsonPtr> objects = API_TRY(selected(call));
    if (page.after) {
        std::erase_if(objects, [&](const JsonPtr& object) {
            return key_of(collection, *object) <= *page.after;
        });
    }
    Json metadata = {{"resourceVersion", std::to_string(page.revision)}};
    if (page.limit > 0 && objects.size() > page.limit) {
        metadata["continue"] = page_token(page.revision, *objects[page.limit - 1]);
        if (call.query("labelSelector").empty() && call.query("fieldSelector").empty()) {
            metadata["remainingItemCount"] = objects.size() - page.limit;
        }
        objects.resize(page.limit);
    }
    if (call.form == AnswerForm::table) {
        Json table =
            make_table(*call.resource, objects, rows_of(call.query("includeObject")), call.now);
        table["metadata"] = metadata;
        return json_answer(table);
    }
    Json items = Json::array();
    for (const JsonPtr& object : objects) {
        items.push_back(call.form == AnswerForm::partial ? partial_object(*object) : *object);
    }
    if (call.form == AnswerForm::partial) {
        return json_answer({{"kind", "PartialObjectMetadataList"},
                            {"apiVersion", "meta.k8s.io/v1"},
                            {"metadata", metadata},
                            {"items", std::move(items)}});
    }
    return json_answer({{"kind", call.resource->list_kind},
                        {"apiVersion", call.resource->api_version()},
                        {"metadata", metadata},
                        {"items", std::move(items)}});
}

ApiResult<ApiOutcome> ApiCore::watch(const Call& call) const {
    constexpr std::int64_t kTimeoutDefault = 1800;
    constexpr std::int64_t kTimeoutMax = 3600;
    Selection wanted = API_TRY(selection(call));
    WatchStart start;
    start.resource = call.resource;
    start.name_space = call.path.name_space;
    start.labels = std::move(wanted.labels);
    start.fields = std::move(wanted.fields);
    start.resource_version = call.query("resourceVersion");
    if (!start.resource_version.empty() && !number(start.resource_version)) {
        return refuse(bad_request("invalid resource version " + start.resource_version));
    }
    start.form = call.form;
    start.full_rows = call.query("includeObject") == "Object";
    start.bookmarks = call.flag("allowWatchBookmarks");
    if (call.flag("sendInitialEvents")) {
        start.resource_version.clear();
        start.initial_events_end = start.bookmarks;
    }
    start.timeout_seconds = std::clamp<std::int64_t>(
        number(call.query("timeoutSeconds")).value_or(kTimeoutDefault), 1, kTimeoutMax);
    return start;
}

ApiResult<ApiOutcome> ApiCore::log(const Call& call) const {
    const JsonPtr pod = x_store.find({"pods", call.path.name_space, call.path.name});
    if (!pod) {
        return refuse(not_found(call.resource->subject(call.path.name)));
    }
    const Json& containers = value_at(*pod, {"spec", "containers"});
    LogStart start;
    start.name_space = call.path.name_space;
    start.pod = call.path.name;
    start.container = call.query("container");
    if (start.container.empty()) {
        if (containers.size() > 1) {
            return refuse(bad_request(
                fmt::format("a container name must be specified for pod {}", start.pod)));
        }
        start.container = containers.empty() ? "" : kube::text_at(containers[0], {"name"});
    }
    auto named = [&start](const Json& container) {
        return kube::text_at(container, {"name"}) == start.container;
    };
    const bool known = std::ranges::any_of(containers, named) ||
                       std::ranges::any_of(value_at(*pod, {"spec", "initContainers"}), named);
    if (!known) {
        return refuse(bad_request(
            fmt::format("container {} is not valid for pod {}", start.container, start.pod)));
    }
    start.previous = call.flag("previous");
    start.follow = call.flag("follow");
    start.timestamps = call.flag("timestamps");
    start.since = API_TRY(log_since(call.query("sinceSeconds"), call.query("sinceTime"), call.now));
    start.tail_lines = number(call.query("tailLines"));
    start.limit_bytes = number(call.query("limitBytes")).value_or(0);
    return start;
}

}  // namespace millrace::kube_operator::local
