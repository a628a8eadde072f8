#include "operator/kube/api_client.h"

#include <nlohmann/json.hpp>

#include "lib/runtime/http_client.h"
#include "operator/kube/json_text.h"
#include "operator/kube/watch_decoder.h"

namespace millrace::kube_operator::kube {
namespace {

using Json = nlohmann::json;
using runtime::HttpRequest;
using runtime::HttpResponse;

constexpr const char* kAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr const char* kJson = "application/json";

Errc code_of(int status, const std::string& reason) {
    switch (status) {
        case 404:
            return Errc::not_found;
        case 409:
            return reason == "AlreadyExists" ? Errc::already_exists : Errc::conflict;
        case 410:
            return Errc::not_found;
        case 413:
            return Errc::too_large;
        case 504:
            return Errc::timed_out;
        default:
            break;
    }
    return status == 429 || status >= 500 ? Errc::busy : Errc::invalid_argument;
}

Error refusal(const HttpResponse& response) {
    const Result<Json> status = parse_json(response.body);
    const std::string message = status ? text_at(*status, {"message"}) : std::string();
    const std::string reason = status ? text_at(*status, {"reason"}) : std::string();
    return {code_of(response.status, reason),
            message.empty() ? fmt::format("the API server answered {}", response.status) : message};
}

Result<JsonPtr> read_answer(Result<HttpResponse> response) {
    if (!response) {
        return fail(std::move(response).error());
    }
    if (!response->ok()) {
        return fail(refusal(*response));
    }
    Json value = TRY(parse_json(response->body));
    if (!value.is_object()) {
        return fail(Errc::malformed, "the API server answered with something else than an object");
    }
    return std::make_shared<const Json>(std::move(value));
}

class HttpWatch final : public Watch {
 public:
    explicit HttpWatch(WatchHandler handler) : x_handler(std::move(handler)) {}

    void open(runtime::HttpClient& http, HttpRequest request) {
        x_stream = http.stream(
            std::move(request), [this](std::string_view line) { take_line(line); },
            [this](Result<HttpResponse> response) { end(std::move(response)); });
    }

 private:
    void take_line(std::string_view line) {
        if (line.empty() || x_failure) {
            return;
        }
        Result<WatchEvent> event = x_decoder.take_line(line);
        if (!event) {
            // The stream is still calling; it is ended from its own end or when this watch goes.
            x_failure = std::move(event).error();
            return;
        }
        x_handler.on_event(event->kind, std::move(event->object));
    }

    void end(Result<HttpResponse> response) {
        const auto handler = x_handler.on_end;
        if (x_failure) {
            handler(fail(*x_failure));
        } else if (!response) {
            handler(fail(std::move(response).error()));
        } else if (!response->ok()) {
            handler(fail(refusal(*response)));
        } else {
            handler({});
        }
    }

    WatchHandler x_handler;
    WatchDecoder x_decoder;
    std::optional<Error> x_failure;
    std::unique_ptr<runtime::HttpStream> x_stream;
};

class ApiClient final : public Client {
 public:
    ApiClient(runtime::Runtime& runtime, const ApiServerAddress& server, ClientOptions options)
        : x_options(std::move(options)) {
        runtime::HttpClientOptions http;
        const bool v6 = server.host.find(':') != std::string::npos;
        http.base_url = fmt::format("{}://{}{}{}:{}", server.tls ? "https" : "http", v6 ? "[" : "",
                                    server.host, v6 ? "]" : "", server.port);
        http.ca_file = server.ca_file;
        http.token_file = server.token_file;
        http.read_timeout = x_options.request_timeout;
        http.stream_silence = x_options.watch_timeout + 20s;
        x_http = runtime::make_http_client(runtime.loop, std::move(http));
    }

    void get(const ResourceType& type, const ObjectName& name, Reply reply) override {
        send("GET", object_path(type, name, Subresource::none), {}, {}, std::move(reply));
    }

    void list(const ResourceType& type, const ListScope& scope, Reply reply) override {
        HttpRequest request;
        request.path = collection_path(type, scope.name_space);
        request.query = scope_query(scope);
        start(std::move(request), std::move(reply));
    }

    void create(const ResourceType& type, JsonPtr object, Reply reply) override {
        HttpRequest request =
            with_body("POST", collection_path(type, name_of(*object).name_space), kJson, object);
        start(std::move(request), std::move(reply));
    }

    void replace(const ResourceType& type, JsonPtr object, Subresource subresource,
                 Reply reply) override {
        start(with_body("PUT", object_path(type, name_of(*object), subresource), kJson, object),
              std::move(reply));
    }

    void apply(const ResourceType& type, JsonPtr object, const ApplyOptions& options,
               Reply reply) override {
        HttpRequest request =
            with_body("PATCH", object_path(type, name_of(*object), options.subresource),
                      "application/apply-patch+yaml", object);
        if (options.force) {
            request.query["force"] = "true";
        }
        start(std::move(request), std::move(reply));
    }

    void merge_patch(const ResourceType& type, const ObjectName& name, JsonPtr patch,
                     Subresource subresource, Reply reply) override {
        start(with_body("PATCH", object_path(type, name, subresource),
                        "application/merge-patch+json", patch),
              std::move(reply));
    }

    void remove(const ResourceType& type, const ObjectName& name, const DeleteOptions& options,
                Reply reply) override {
        Json body = {{"kind", "DeleteOptions"},
                     {"apiVersion", "v1"},
                     {"propagationPolicy", options.foreground ? "Foreground" : "Background"}};
        if (!options.uid.empty()) {
            body["preconditions"] = {{"uid", options.uid}};
        }
        if (options.grace_period_seconds) {
            body["gracePeriodSeconds"] = *options.grace_period_seconds;
        }
        send("DELETE", object_path(type, name, Subresource::none), kJson, to_text(body),
             std::move(reply));
    }

    std::unique_ptr<Watch> watch(const ResourceType& type, const ListScope& scope,
                                 const std::string& resource_version,
                                 WatchHandler handler) override {
        HttpRequest request;
        request.path = collection_path(type, scope.name_space);
        request.query = scope_query(scope);
        request.query["watch"] = "true";
        request.query["allowWatchBookmarks"] = "true";
        request.query["resourceVersion"] = resource_version;
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(x_options.watch_timeout).count();
        request.query["timeoutSeconds"] = std::to_string(seconds);
        identify(request);
        auto out = std::make_unique<HttpWatch>(std::move(handler));
        out->open(*x_http, std::move(request));
        return out;
    }

 private:
    static std::map<std::string, std::string> scope_query(const ListScope& scope) {
        std::map<std::string, std::string> query;
        if (!scope.label_selector.empty()) {
            query["labelSelector"] = scope.label_selector;
        }
        if (!scope.field_selector.empty()) {
            query["fieldSelector"] = scope.field_selector;
        }
        return query;
    }

    void identify(HttpRequest& request) const {
        request.headers["user-agent"] = x_options.field_manager + "/1";
        request.headers["accept"] = kJson;
    }

    HttpRequest with_body(const char* method, std::string path, const char* type,
                          const JsonPtr& body) const {
        HttpRequest request;
        request.method = method;
        request.path = std::move(path);
        request.headers["content-type"] = type;
        request.query["fieldManager"] = x_options.field_manager;
        request.body = to_text(*body);
        return request;
    }

    void send(const char* method, std::string path, const std::string& type, std::string body,
              Reply reply) {
        HttpRequest request;
        request.method = method;
        request.path = std::move(path);
        if (!type.empty()) {
            request.headers["content-type"] = type;
        }
        request.body = std::move(body);
        start(std::move(request), std::move(reply));
    }

    void start(HttpRequest request, Reply reply) {
        identify(request);
        x_http->request(std::move(request),
                        [reply = std::move(reply)](Result<HttpResponse> response) mutable {
                            reply(read_answer(std::move(response)));
                        });
    }

    ClientOptions x_options;
    std::unique_ptr<runtime::HttpClient> x_http;
};

}  // namespace

std::string ResourceType::api_version() const {
    return group.empty() ? version : group + "/" + version;
}

std::string ObjectName::to_string() const {
    return name_space.empty() ? name : name_space + "/" + name;
}

std::string collection_path(const ResourceType& type, const std::string& name_space) {
    const std::string root = type.group.empty()
                                 ? "/api/" + type.version
                                 : fmt::format("/apis/{}/{}", type.group, type.version);
    return type.namespaced && !name_space.empty()
               ? fmt::format("{}/namespaces/{}/{}", root, name_space, type.plural)
               : fmt::format("{}/{}", root, type.plural);
}

std::string object_path(const ResourceType& type, const ObjectName& name, Subresource subresource) {
    std::string path = fmt::format("{}/{}", collection_path(type, name.name_space), name.name);
    switch (subresource) {
        case Subresource::none:
            break;
        case Subresource::status:
            path += "/status";
            break;
        case Subresource::scale:
            path += "/scale";
            break;
    }
    return path;
}

Result<ApiServerAddress> address_in_cluster(const std::map<std::string, std::string>& environment,
                                            runtime::FileSystem& files) {
    auto value = [&environment](const char* name) {
        auto found = environment.find(name);
        return found == environment.end() ? std::string() : found->second;
    };
    ApiServerAddress out;
    out.host = value("KUBERNETES_SERVICE_HOST");
    const std::string port = value("KUBERNETES_SERVICE_PORT");
    const auto read = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (out.host.empty() || port.empty() || read.ec != std::errc()) {
        return fail(
            Errc::not_found,
            "not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
    }
    out.tls = true;
    out.ca_file = runtime::join_path(kAccountDirectory, "ca.crt");
    out.token_file = runtime::join_path(kAccountDirectory, "token");
    for (const std::string& file : {out.ca_file, out.token_file}) {
        if (!files.exists(file)) {
            return fail(Errc::not_found,
                        fmt::format("the service account's file {} is missing", file));
        }
    }
    return out;
}

std::unique_ptr<Client> make_api_client(runtime::Runtime& runtime, const ApiServerAddress& server,
                                        const ClientOptions& options) {
    return std::make_unique<ApiClient>(runtime, server, options);
}

}  // namespace millrace::kube_operator::kube
