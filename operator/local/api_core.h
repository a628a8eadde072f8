// The embedded API server without its sockets: a request in, an answer or the start of a stream out. Pure but for the store it
// owns; time is handed in.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "lib/runtime/http.h"
#include "operator/local/garbage_collector.h"
#include "operator/local/object_writer.h"
#include "operator/local/request_path.h"
#include "operator/local/selectors.h"

namespace millrace::kube_operator::local {

struct ApiAnswer {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::vector<std::string> warnings;
    std::uint64_t revision = 0;  // above 0: to be sent once the store is on the disk up to here
};

// A watch, to be opened by the driver.
struct WatchStart {
    ResourcePtr resource;
    std::string name_space;
    LabelSelector labels;
    FieldSelector fields;
    std::string resource_version;  // empty or "0": begin with what exists
    AnswerForm form = AnswerForm::json;
    bool bookmarks = false;
    bool initial_events_end = false;  // a bookmark that marks the end of what existed
    bool full_rows = false;           // tables with whole objects
    std::int64_t timeout_seconds = 0;
};

// The log of a pod's container.
struct LogStart {
    std::string name_space;
    std::string pod;
    std::string container;
    bool previous = false;
    bool follow = false;
    bool timestamps = false;
    std::optional<WallTime> since;
    std::optional<std::int64_t> tail_lines;
    std::int64_t limit_bytes = 0;  // 0: none
};

using ApiOutcome = std::variant<ApiAnswer, WatchStart, LogStart>;

struct ApiCoreOptions {
    StoreLimits store;
    std::uint64_t seed = 1;
    std::string node_name = "millrace-local";
};

class ApiCore {
 public:
    explicit ApiCore(const ApiCoreOptions& options);

    ApiOutcome handle(const runtime::HttpRequest& request, WallTime now);

    // After the store was filled from a disk: definitions are served again, the node and the first namespaces made.
    void start(WallTime now);

    Store& store() { return x_store; }
    ResourceRegistry& registry() { return x_registry; }
    ObjectWriter& writer() { return x_writer; }
    GarbageCollector& garbage() { return x_garbage; }

 private:
    struct Call;  // one request with what it was resolved to
    struct Selection {
        LabelSelector labels;
        FieldSelector fields;

        bool takes(const nlohmann::json& object) const;
    };

    ApiResult<ApiOutcome> dispatch(const runtime::HttpRequest& request, WallTime now);
    ApiResult<ApiOutcome> discover(const runtime::HttpRequest& request) const;
    ApiResult<ApiOutcome> discover_kinds(const std::vector<std::string>& parts,
                                         AnswerForm form) const;
    ApiResult<ApiOutcome> describe(const runtime::HttpRequest& request) const;
    ApiResult<ApiOutcome> on_resource(Call& call);
    ApiResult<ApiOutcome> on_object(Call& call);
    ApiResult<ApiOutcome> review(const Call& call) const;
    ApiResult<ApiOutcome> get(const Call& call) const;
    ApiResult<ApiOutcome> list(const Call& call) const;
    ApiResult<ApiOutcome> watch(const Call& call) const;
    ApiResult<ApiOutcome> log(const Call& call) const;
    ApiResult<ApiOutcome> create(Call& call);
    ApiResult<ApiOutcome> replace(Call& call);
    ApiResult<ApiOutcome> patch(Call& call);
    ApiResult<ApiOutcome> remove(Call& call);
    ApiResult<ApiOutcome> remove_collection(Call& call);
    static ApiResult<DeleteRequest> read_delete_options(const Call& call);
    ApiResult<ApiOutcome> written(const Call& call, const JsonPtr& object, int status) const;
    ApiResult<Selection> selection(const Call& call) const;
    ApiResult<std::vector<JsonPtr>> selected(const Call& call) const;
    void make_first_objects(WallTime now);
    void ensure(const char* plural, nlohmann::json object, WallTime now);

    ApiCoreOptions x_options;
    Store x_store;
    ResourceRegistry x_registry;
    ObjectWriter x_writer;
    GarbageCollector x_garbage;
};

// The object under the version a request asked for; shared when nothing has to change.
JsonPtr as_version(const JsonPtr& object, const ResourceInfo& resource);

}  // namespace millrace::kube_operator::local
