#include "operator/local/api_core.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/access_review.h"
#include "operator/local/api_call.h"
#include "operator/local/discovery.h"
#include "operator/local/openapi.h"
#include "operator/local/protobuf_body.h"
#include "operator/local/yaml_text.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

constexpr const char* kOpenApiProtobuf =
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
constexpr const char* kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";

ApiOutcome plain_text(std::string text) {
    ApiAnswer answer;
    answer.body = std::move(text);
    answer.content_type = "text/plain; charset=utf-8";
    return answer;
}

bool offers(const ResourceInfo& resource, const std::string& subresource) {
    return (subresource == "status" && resource.has_status) ||
           (subresource == "scale" && resource.scale);
}

std::string header(const runtime::HttpRequest& request, const std::string& name) {
    auto found = request.headers.find(name);
    return found == request.headers.end() ? std::string() : found->second;
}

}  // namespace

ApiAnswer json_answer(const nlohmann::json& value, int status) {
    ApiAnswer answer;
    answer.status = status;
    answer.body = kube::to_text(value);
    answer.body += '\n';
    return answer;
}

JsonPtr as_version(const JsonPtr& object, const ResourceInfo& resource) {
    if (text_at(*object, {"apiVersion"}) == resource.api_version()) {
        return object;
    }
    Json copy = *object;
    copy["apiVersion"] = resource.api_version();
    return std::make_shared<const Json>(std::move(copy));
}

std::string ApiCore::Call::query(const std::string& name) const {
    auto found = request.query.find(name);
    return found == request.query.end() ? std::string() : found->second;
}

bool ApiCore::Call::flag(const std::string& name) const {
    // As Kubernetes reads them: whatever is given and does not say no (Convert_Slice_string_To_bool). Python's client says "True".
    std::string value = query(name);
    std::ranges::transform(value, value.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return request.query.contains(name) && value != "false" && value != "0";
}

ApiResult<WriteRequest> ApiCore::Call::write() {
    WriteRequest out;
    out.resource = resource;
    out.name_space = path.name_space;
    out.name = path.name;
    out.subresource = path.subresource;
    out.manager = manager_of(request.query, header(request, "user-agent"));
    const std::string validation = query("fieldValidation");
    out.unknown_fields = validation == "Strict"   ? UnknownFields::strict
                         : validation == "Ignore" ? UnknownFields::ignore
                                                  : UnknownFields::warn;
    const std::string dry_run = query("dryRun");
    if (!dry_run.empty() && dry_run != "All") {
        return refuse(bad_request("Invalid value: \"" + dry_run + "\": dryRun must be All"));
    }
    out.dry_run = dry_run == "All";
    out.now = now;
    out.warnings = &warnings;
    return out;
}

ApiResult<nlohmann::json> ApiCore::Call::body() const {
    if (is_protobuf(header(request, "content-type"))) {
        Result<Json> object = parse_protobuf(request.body);
        if (!object) {
            const std::string& why = object.error().message;
            return refuse(object.error().code == Errc::unsupported ? unsupported_media_type(why)
                                                                   : bad_request(why));
        }
        return std::move(*object);
    }
    const BodyForm form_of_body = body_form(header(request, "content-type"));
    if (form_of_body == BodyForm::other) {
        return refuse(unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: application/json, "
            "application/yaml"));
    }
    const bool may_be_yaml =
        form_of_body == BodyForm::yaml || form_of_body == BodyForm::apply_patch;
    Result<Json> parsed = kube::parse_json(request.body);
    if (!parsed && may_be_yaml) {
        parsed = parse_yaml(request.body);
    }
    if (!parsed) {
        return refuse(
            bad_request("the body of the request is malformed: " + parsed.error().message));
    }
    return std::move(*parsed);
}

ApiCore::ApiCore(const ApiCoreOptions& options)
    : x_options(options),
      x_store(options.store),
      x_writer(x_store, x_registry, Random(options.seed)),
      x_garbage(x_store, x_registry, x_writer) {
    x_store.observe([this](const Change& change) {
        if (change.key.resource != kDefinitions) {
            return;
        }
        if (change.kind == Change::Kind::deleted) {
            x_registry.remove_definition(*change.object);
        } else if (!change.before ||
                   value_at(*change.before, {"spec"}) != value_at(*change.object, {"spec"})) {
            x_registry.add_definition(*change.object);
        }
    });
}

void ApiCore::start(WallTime now) {
    for (const JsonPtr& definition : x_store.list(kDefinitions, "")) {
        x_registry.add_definition(*definition);
    }
    make_first_objects(now);
    x_garbage.suspect_all();
}

void ApiCore::ensure(const char* plural, nlohmann::json object, WallTime now) {
    WriteRequest request;
    request.resource = x_registry.find("", "v1", plural);
    request.name_space = text_at(object, {"metadata", "namespace"});
    request.manager = "millrace-local";
    request.now = now;
    // Refused when it is there already, which is as good.
    [[maybe_unused]] const ApiResult<JsonPtr> made = x_writer.create(request, std::move(object));
}

void ApiCore::make_first_objects(WallTime now) {
    for (const char* name : {"default", "kube-system", "kube-public"}) {
        ensure("namespaces", {{"metadata", {{"name", name}}}}, now);
        ensure("serviceaccounts", {{"metadata", {{"name", "default"}, {"namespace", name}}}}, now);
    }
    const JsonPtr node = x_store.find({"nodes", "", x_options.node_name});
    if (node) {
        return;
    }
    ensure("nodes",
           {{"metadata",
             {{"name", x_options.node_name},
              {"labels",
               {{"kubernetes.io/hostname", x_options.node_name},
                {"topology.kubernetes.io/zone", "local"}}}}},
            {"spec", Json::object()}},
           now);
    WriteRequest request;
    request.resource = x_registry.find("", "v1", "nodes");
    request.name = x_options.node_name;
    request.subresource = "status";
    request.manager = "millrace-local";
    request.now = now;
    const Json status = {
        {"status",
         {{"conditions", Json::array({{{"type", "Ready"},
                                       {"status", "True"},
                                       {"reason", "ProcessesRun"},
                                       {"message", "pods run as processes of this machine"},
                                       {"lastTransitionTime", to_iso8601(now)}}})},
          {"nodeInfo", {{"kubeletVersion", "v1.30.0-millrace"}}},
          {"addresses", Json::array({{{"type", "InternalIP"}, {"address", "127.0.0.1"}}})}}}};
    [[maybe_unused]] const ApiResult<JsonPtr> made =
        x_writer.patch(request, PatchKind::merge, status);
}

ApiOutcome ApiCore::handle(const runtime::HttpRequest& request, WallTime now) {
    // The JSON library throws where a value has another type than the one asked for. What a schema does not pin down (parts of
    // built-in kinds) may hold anything, so this is the sender's fault and not a broken invariant.
    ApiResult<ApiOutcome> outcome = [&]() -> ApiResult<ApiOutcome> {
        try {
            return dispatch(request, now);
        } catch (const Json::exception&) {
            return refuse(
                bad_request("a field of the object has another type than the API gives it"));
        }
    }();
    if (outcome) {
        return std::move(*outcome);
    }
    return json_answer(status_object(outcome.error()), outcome.error().code);
}

ApiResult<ApiOutcome> ApiCore::dispatch(const runtime::HttpRequest& request, WallTime now) {
    const std::optional<ResourcePath> path = parse_resource_path(request.path);
    if (!path) {
        return discover(request);
    }
    const ResourcePtr resource = x_registry.find(path->group, path->version, path->plural);
    if (!resource || (!resource->namespaced && !path->name_space.empty())) {
        return refuse(path_not_found());
    }
    Call call{request, *path, resource, now, choose_form(header(request, "accept")), {}};
    if (call.form == AnswerForm::none || call.form == AnswerForm::discovery) {
        return refuse(
            not_acceptable("only the following media types are accepted: application/json"));
    }
    ApiResult<ApiOutcome> outcome = on_resource(call);
    if (outcome && std::holds_alternative<ApiAnswer>(*outcome)) {
        std::get<ApiAnswer>(*outcome).warnings = std::move(call.warnings);
    }
    return outcome;
}

ApiResult<ApiOutcome> ApiCore::on_resource(Call& call) {
    const std::string& method = call.request.method;
    const ResourceInfo& resource = *call.resource;
    if (resource.handling == Handling::review) {
        return method == "POST" && call.path.name.empty() ? review(call)
                                                          : refuse(method_not_allowed());
    }
    if (resource.handling == Handling::absent && method != "GET") {
        return refuse(not_offered(resource.store_name(), "it runs Pods and nothing else"));
    }
    if (!call.path.name.empty()) {
        return on_object(call);
    }
    if (method == "GET") {
        return call.flag("watch") ? watch(call) : list(call);
    }
    if (method == "POST") {
        return create(call);
    }
    return method == "DELETE" ? remove_collection(call) : refuse(method_not_allowed());
}

ApiResult<ApiOutcome> ApiCore::on_object(Call& call) {
    const std::string& method = call.request.method;
    const std::string& sub = call.path.subresource;
    const ResourceInfo& resource = *call.resource;
    if (sub == "log" && resource.store_name() == "pods") {
        return method == "GET" ? log(call) : refuse(method_not_allowed());
    }
    if (!sub.empty() && !offers(resource, sub)) {
        [[maybe_unused]] const ApiOutcome there = API_TRY(get(call));
        return refuse(resource.store_name() == "pods"
                          ? not_offered("pods/" + sub, "pods are processes of this machine")
                          : path_not_found());
    }
    if (method == "GET") {
        return call.flag("watch") ? watch(call) : get(call);
    }
    if (method == "PUT") {
        return replace(call);
    }
    if (method == "PATCH") {
        return patch(call);
    }
    return method == "DELETE" && sub.empty() ? remove(call) : refuse(method_not_allowed());
}

ApiResult<ApiOutcome> ApiCore::review(const Call& call) const {
    Json question = API_TRY(call.body());
    if (!question.is_object()) {
        return refuse(bad_request("the body of the request is malformed"));
    }
    question["apiVersion"] = call.resource->api_version();
    question["kind"] = call.resource->kind;
    question["status"] = review_status(call.resource->kind);
    return json_answer(question, 201);
}

ApiResult<ApiOutcome> ApiCore::discover(const runtime::HttpRequest& request) const {
    const std::vector<std::string> parts = split_segments(request.path);
    if (request.method != "GET") {
        return refuse(parts.empty() ? method_not_allowed() : path_not_found());
    }
    if (parts.empty()) {
        return json_answer(
            {{"paths",
              {"/api", "/apis", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"}}});
    }
    if (parts[0] == "version") {
        return json_answer(server_version());
    }
    if (parts[0] == "livez" || parts[0] == "readyz" || parts[0] == "healthz") {
        return plain_text("ok");
    }
    if (parts[0] == "openapi") {
        return describe(request);
    }
    const AnswerForm form = choose_form(header(request, "accept"));
    if (form == AnswerForm::none) {
        return refuse(
            not_acceptable("only the following media types are accepted: application/json"));
    }
    return discover_kinds(parts, form);
}

ApiResult<ApiOutcome> ApiCore::discover_kinds(const std::vector<std::string>& parts,
                                              AnswerForm form) const {
    const bool core = parts[0] == "api";
    if (!core && parts[0] != "apis") {
        return refuse(path_not_found());
    }
    if (parts.size() == 1 && form == AnswerForm::discovery) {
        ApiAnswer answer = json_answer(aggregated_discovery(x_registry, core));
        answer.content_type =
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        return answer;
    }
    if (parts.size() == 1) {
        return json_answer(core ? core_versions("127.0.0.1") : group_list(x_registry));
    }
    std::optional<Json> document;
    if (core && parts.size() == 2) {
        document = resource_list(x_registry, "", parts[1]);
    } else if (!core && parts.size() == 2) {
        document = group_document(x_registry, parts[1]);
    } else if (!core && parts.size() == 3) {
        document = resource_list(x_registry, parts[1], parts[2]);
    }
    return document ? ApiResult<ApiOutcome>(json_answer(*document)) : refuse(path_not_found());
}

ApiResult<ApiOutcome> ApiCore::describe(const runtime::HttpRequest& request) const {
    const std::vector<std::string> parts = split_segments(request.path);
    const std::string accept = header(request, "accept");
    if (parts.size() == 2 && parts[1] == "v2" && accept.starts_with(kOpenApiProtobuf)) {
        ApiAnswer answer;
        answer.body = openapi_v2_protobuf();
        // As real servers answer: the "@" that clients ask with is no part of a media type.
        answer.content_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
        return answer;
    }
    if (parts.size() < 2 || choose_form(accept) == AnswerForm::none) {
        return refuse(
            parts.size() < 2
                ? path_not_found()
                : not_acceptable("only the following media types are accepted: application/json"));
    }
    if (parts[1] == "v2" && parts.size() == 2) {
        return json_answer(openapi_v2(x_registry));
    }
    if (parts[1] != "v3") {
        return refuse(path_not_found());
    }
    if (parts.size() == 2) {
        return json_answer(openapi_index(x_registry));
    }
    std::optional<Json> document;
    if (parts.size() == 4 && parts[2] == "api") {
        document = openapi_v3(x_registry, "", parts[3]);
    } else if (parts.size() == 5 && parts[2] == "apis") {
        document = openapi_v3(x_registry, parts[3], parts[4]);
    }
    return document ? ApiResult<ApiOutcome>(json_answer(*document)) : refuse(path_not_found());
}

}  // namespace millrace::kube_operator::local
