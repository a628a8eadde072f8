// The operator's way to a Kubernetes API server: plain JSON objects, no generated types. The same interface serves a real
// cluster, the embedded API server and the tests.
//
// All calls return at once; the reply runs in a later turn of the loop that owns the client, exactly once, and not after the
// client was destroyed. Errors of a reply: not_found (404), already_exists (409 AlreadyExists), conflict (409), invalid_argument
// (400, 403, 422: the server's own sentence is the message), too_large (413), busy (429, 5xx), timed_out (504 or no answer in
// time), connection_lost, malformed (the answer is no JSON object).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/runtime/loop.h"

namespace millrace::kube_operator::kube {

// An object as the API gave it. Shared between caches and never changed; null only where a function says so.
using JsonPtr = std::shared_ptr<const nlohmann::json>;

// Names a kind the way the API's paths do.
struct ResourceType {
    std::string group;  // empty for the core group
    std::string version;
    std::string plural;
    std::string kind;
    bool namespaced = true;

    auto operator<=>(const ResourceType&) const = default;
    // "v1" or "group/version".
    std::string api_version() const;
};

struct ObjectName {
    std::string name_space;  // empty for kinds of the cluster
    std::string name;

    auto operator<=>(const ObjectName&) const = default;
    // "namespace/name" or "name".
    std::string to_string() const;
};

// Which objects a list or a watch covers. Empty members do not restrict.
struct ListScope {
    std::string name_space;
    std::string label_selector;
    std::string field_selector;
};

enum class Subresource { none, status, scale };

struct ApplyOptions {
    Subresource subresource = Subresource::none;
    bool force =
        false;  // takes over fields that another manager owns, instead of failing with conflict
};

struct DeleteOptions {
    std::string uid;  // only this incarnation; otherwise conflict
    std::optional<std::int64_t> grace_period_seconds;
    bool foreground = false;  // default is background propagation
};

enum class WatchEventKind { added, modified, deleted, bookmark };

// Receives one watch. Both members run on the loop.
struct WatchHandler {
    // A bookmark carries only the resource version.
    std::function<void(WatchEventKind, JsonPtr)> on_event;
    // The last call. ok: the server ended the watch after its time; not_found: the resource version is too old (410), a new list
    // is needed; connection_lost, busy or malformed: try again later from the last resource version.
    std::function<void(const Status&)> on_end;
};

// Destroying it ends the watch without a further call.
class Watch {
 public:
    virtual ~Watch() = default;
};

class Client {
 public:
    using Reply = std::move_only_function<void(Result<JsonPtr>)>;
    virtual ~Client() = default;

    virtual void get(const ResourceType& type, const ObjectName& name, Reply reply) = 0;
    // The whole list object: metadata.resourceVersion and items. Bounded by the client's answer limit (64 MiB).
    virtual void list(const ResourceType& type, const ListScope& scope, Reply reply) = 0;
    // The namespace and the name come from the object's metadata.
    virtual void create(const ResourceType& type, JsonPtr object, Reply reply) = 0;
    // PUT: fails with conflict unless metadata.resourceVersion is the present one.
    virtual void replace(const ResourceType& type, JsonPtr object, Subresource subresource,
                         Reply reply) = 0;
    // Server-side apply under the client's field manager. The object holds only the fields the operator owns.
    virtual void apply(const ResourceType& type, JsonPtr object, const ApplyOptions& options,
                       Reply reply) = 0;
    // JSON merge patch (RFC 7386).
    virtual void merge_patch(const ResourceType& type, const ObjectName& name, JsonPtr patch,
                             Subresource subresource, Reply reply) = 0;
    virtual void remove(const ResourceType& type, const ObjectName& name,
                        const DeleteOptions& options, Reply reply) = 0;
    // Events after resource_version, with bookmarks.
    virtual std::unique_ptr<Watch> watch(const ResourceType& type, const ListScope& scope,
                                         const std::string& resource_version,
                                         WatchHandler handler) = 0;
};

// The path of a request below the server's root, query included where a scope asks for one.
std::string object_path(const ResourceType& type, const ObjectName& name, Subresource subresource);
std::string collection_path(const ResourceType& type, const std::string& name_space);

}  // namespace millrace::kube_operator::kube
