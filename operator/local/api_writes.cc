// POST, PUT, PATCH and DELETE of ApiCore.
#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/api_call.h"
#include "operator/local/object_meta.h"
#include "operator/local/scale.h"
#include "operator/local/table.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

// Events and leases are written all the time and mean nothing after a restart: nobody waits for them to reach the disk.
bool awaits_disk(const ResourceInfo& resource) {
    return resource.kind != "Event" && resource.kind != "Lease";
}

}  // namespace

ApiResult<DeleteRequest> ApiCore::read_delete_options(const Call& call) {
    DeleteRequest out;
    Json options = Json::object();
    if (!call.request.body.empty()) {
        options = API_TRY(call.body());
    }
    if (!options.is_object()) {
        return refuse(bad_request("the body of the request is no DeleteOptions"));
    }
    if (const std::string grace = call.query("gracePeriodSeconds"); !grace.empty()) {
        options["gracePeriodSeconds"] = std::strtoll(grace.c_str(), nullptr, 10);
    }
    if (const std::string propagation = call.query("propagationPolicy"); !propagation.empty()) {
        options["propagationPolicy"] = propagation;
    }
    if (const Json& seconds = value_at(options, {"gracePeriodSeconds"});
        seconds.is_number_integer()) {
        out.grace_seconds = seconds.get<std::int64_t>();
    }
    const Json& dry_run = value_at(options, {"dryRun"});
    if (!dry_run.is_null() && !dry_run.empty() && dry_run != Json::array({"All"})) {
        return refuse(bad_request("dryRun must be All"));
    }
    out.dry_run = !dry_run.empty();
    out.uid = text_at(options, {"preconditions", "uid"});
    out.resource_version = text_at(options, {"preconditions", "resourceVersion"});
    const std::string policy = text_at(options, {"propagationPolicy"});
    if (policy == "Foreground") {
        out.propagation = Propagation::foreground;
    } else if (policy == "Orphan" || value_at(options, {"orphanDependents"}) == Json(true)) {
        out.propagation = Propagation::orphan;
    } else if (!policy.empty() && policy != "Background") {
        return refuse(bad_request("propagationPolicy must be Background, Foreground or Orphan"));
    }
    return out;
}

ApiResult<ApiOutcome> ApiCore::written(const Call& call, const JsonPtr& object, int status) const {
    Json shown;
    if (call.path.subresource == "scale") {
        shown = make_scale(*call.resource, *object);
    } else if (call.form == AnswerForm::table) {
        shown = make_table(*call.resource, {as_version(object, *call.resource)},
                           TableObjects::metadata, call.now);
    } else {
        shown = *as_version(object, *call.resource);
    }
    ApiAnswer answer = json_answer(shown, status);
    answer.revision = awaits_disk(*call.resource) ? x_store.revision() : 0;
    return answer;
}

ApiResult<ApiOutcome> ApiCore::create(Call& call) {
    Json object = API_TRY(call.body());
    const WriteRequest request = API_TRY(call.write());
    const JsonPtr made = API_TRY(x_writer.create(request, std::move(object)));
    return written(call, made, 201);
}

ApiResult<ApiOutcome> ApiCore::replace(Call& call) {
    Json object = API_TRY(call.body());
    const WriteRequest request = API_TRY(call.write());
    const JsonPtr stored = API_TRY(x_writer.replace(request, std::move(object)));
    return written(call, stored, 200);
}

ApiResult<ApiOutcome> ApiCore::patch(Call& call) {
    auto type = call.request.headers.find("content-type");
    const BodyForm form = body_form(type == call.request.headers.end() ? "" : type->second);
    const Json body = API_TRY(call.body());
    WriteRequest request = API_TRY(call.write());
    const bool existed = x_store.find({call.resource->store_name(), call.path.name_space,
                                       call.path.name}) != nullptr;
    switch (form) {
        case BodyForm::apply_patch: {
            if (call.query("fieldManager").empty()) {
                return refuse(bad_request(
                    "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is "
                    "required for apply patch"));
            }
            const JsonPtr stored = API_TRY(x_writer.apply(request, body, call.flag("force")));
            return written(call, stored, existed ? 200 : 201);
        }
        case BodyForm::merge_patch:
            return written(call, API_TRY(x_writer.patch(request, PatchKind::merge, body)), 200);
        case BodyForm::json_patch:
            return written(call, API_TRY(x_writer.patch(request, PatchKind::json, body)), 200);
        case BodyForm::strategic_patch:
            return written(call, API_TRY(x_writer.patch(request, PatchKind::strategic, body)), 200);
        case BodyForm::json:
        case BodyForm::yaml:
        case BodyForm::other:
            break;
    }
    return refuse(unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
        "application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"));
}

ApiResult<ApiOutcome> ApiCore::remove(Call& call) {
    WriteRequest request = API_TRY(call.write());
    const DeleteRequest options = API_TRY(read_delete_options(call));
    request.dry_run = request.dry_run || options.dry_run;
    const JsonPtr last = API_TRY(x_writer.remove(request, options));
    const bool still_there = x_store.find({call.resource->store_name(), call.path.name_space,
                                           call.path.name}) != nullptr;
    if (still_there && !(request.dry_run && !is_being_deleted(*last))) {
        return written(call, last, 200);
    }
    ApiAnswer answer = json_answer({{"kind", "Status"},
                                    {"apiVersion", "v1"},
                                    {"metadata", Json::object()},
                                    {"status", "Success"},
                                    {"details",
                                     {{"name", call.path.name},
                                      {"group", call.resource->group},
                                      {"kind", call.resource->plural},
                                      {"uid", text_at(*last, {"metadata", "uid"})}}}});
    answer.revision = awaits_disk(*call.resource) ? x_store.revision() : 0;
    return answer;
}

ApiResult<ApiOutcome> ApiCore::remove_collection(Call& call) {
    WriteRequest request = API_TRY(call.write());
    const DeleteRequest options = API_TRY(read_delete_options(call));
    request.dry_run = request.dry_run || options.dry_run;
    Json items = Json::array();
    for (const JsonPtr& object : API_TRY(selected(call))) {
        request.name = text_at(*object, {"metadata", "name"});
        request.name_space = text_at(*object, {"metadata", "namespace"});
        if (const ApiResult<JsonPtr> last = x_writer.remove(request, options)) {
            items.push_back(**last);
        }
    }
    ApiAnswer answer =
        json_answer({{"kind", call.resource->list_kind},
                     {"apiVersion", call.resource->api_version()},
                     {"metadata", {{"resourceVersion", std::to_string(x_store.revision())}}},
                     {"items", std::move(items)}});
    answer.revision = x_store.revision();
    return answer;
}

}  // namespace millrace::kube_operator::local
