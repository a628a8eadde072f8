// A Kubernetes API of a test: objects in a map, every call written down, replies in a later turn of the loop.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/client.h"
#include "operator/kube/json_text.h"
#include "tests/support/manual_loop.h"

namespace millrace::kube_operator::server {

using nlohmann::json;

inline kube::JsonPtr shared(json value) {
    return std::make_shared<const json>(std::move(value));
}

class FakeApi : public kube::Client {
 public:
    explicit FakeApi(testing::ManualLoop& loop) : x_loop(loop) {}

    std::map<std::string, json> objects;  // by "Kind/namespace/name"
    std::vector<std::string> calls;  // writes: "apply Kind name", "force …", "status …", "delete …"
    std::optional<Error> next_error;  // of the next write

    static std::string key(const std::string& kind, const kube::ObjectName& name) {
        return kind + "/" + name.to_string();
    }
    // As if somebody else had changed it; watchers hear of it.
    void put(json object) {
        object["metadata"]["resourceVersion"] = std::to_string(++x_revision);
        const std::string kind = kube::text_at(object, {"kind"});
        json& slot = objects[key(kind, kube::name_of(object))];
        slot = std::move(object);
        tell(kind, kube::WatchEventKind::modified, slot);
    }

    void get(const kube::ResourceType& type, const kube::ObjectName& name, Reply reply) override {
        const auto found = objects.find(key(type.kind, name));
        answer(found == objects.end()
                   ? Result<kube::JsonPtr>(fail(Errc::not_found, "no such object"))
                   : Result<kube::JsonPtr>(shared(found->second)),
               std::move(reply));
    }
    void list(const kube::ResourceType& type, const kube::ListScope&, Reply reply) override {
        json items = json::array();
        for (const auto& [name, object] : objects) {
            if (name.starts_with(type.kind + "/")) {
                items.push_back(object);
            }
        }
        answer(shared({{"metadata", {{"resourceVersion", std::to_string(x_revision)}}},
                       {"items", std::move(items)}}),
               std::move(reply));
    }
    void create(const kube::ResourceType& type, kube::JsonPtr object, Reply reply) override {
        write("create " + type.kind, object, std::move(reply));
    }
    void replace(const kube::ResourceType& type, kube::JsonPtr object, kube::Subresource,
                 Reply reply) override {
        write("replace " + type.kind, object, std::move(reply));
    }
    void apply(const kube::ResourceType& type, kube::JsonPtr object,
               const kube::ApplyOptions& options, Reply reply) override {
        const bool is_status = options.subresource == kube::Subresource::status;
        write(std::string(options.force ? "force "
                          : is_status   ? "status "
                                        : "apply ") +
                  type.kind,
              object, std::move(reply));
    }
    void merge_patch(const kube::ResourceType& type, const kube::ObjectName& name,
                     kube::JsonPtr patch, kube::Subresource, Reply reply) override {
        json object = objects[key(type.kind, name)];
        object.merge_patch(*patch);
        write("patch " + type.kind, shared(std::move(object)), std::move(reply));
    }
    void remove(const kube::ResourceType& type, const kube::ObjectName& name,
                const kube::DeleteOptions& options, Reply reply) override {
        calls.push_back("delete " + type.kind + " " + name.name + " " + options.uid);
        if (next_error) {
            answer(fail(*std::exchange(next_error, std::nullopt)), std::move(reply));
            return;
        }
        answer(shared(json::object()), std::move(reply));
    }
    std::unique_ptr<kube::Watch> watch(const kube::ResourceType& type, const kube::ListScope&,
                                       const std::string&, kube::WatchHandler handler) override {
        x_watchers[type.kind] = handler.on_event;
        return std::make_unique<kube::Watch>();
    }

 private:
    void write(const std::string& call, const kube::JsonPtr& object, Reply reply) {
        calls.push_back(call + " " + kube::name_of(*object).name);
        if (next_error) {
            answer(fail(*std::exchange(next_error, std::nullopt)), std::move(reply));
            return;
        }
        const std::string id = key(kube::text_at(*object, {"kind"}), kube::name_of(*object));
        json merged = objects.contains(id) ? objects[id] : json::object();
        merged.merge_patch(*object);
        put(merged);
        answer(shared(objects[id]), std::move(reply));
    }
    void tell(const std::string& kind, kube::WatchEventKind event, const json& object) {
        if (const auto found = x_watchers.find(kind); found != x_watchers.end()) {
            x_loop.post(
                [handler = found->second, event, object] { handler(event, shared(object)); });
        }
    }
    void answer(Result<kube::JsonPtr> result, Reply reply) {
        x_loop.post([result = std::move(result), reply = std::move(reply)]() mutable {
            reply(std::move(result));
        });
    }

    testing::ManualLoop& x_loop;
    std::uint64_t x_revision = 0;
    std::map<std::string, std::function<void(kube::WatchEventKind, kube::JsonPtr)>> x_watchers;
};

}  // namespace millrace::kube_operator::server
