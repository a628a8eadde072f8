#include "operator/server/applier.h"

#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "operator/kube/json_text.h"
#include "operator/server/resource_types.h"

namespace millrace::kube_operator::server {
namespace {

using kube::JsonPtr;
using nlohmann::json;

ObjectId id_of(const json& object) {
    return {kube::text_at(object, {"kind"}), kube::name_of(object)};
}

}  // namespace

struct Applier::Run {
    JsonPtr about;
    std::vector<reconcile::Action> actions;
    Done done;
    std::size_t next = 0;
};

struct Applier::StatusRun {
    std::vector<StatusWrite> writes;
    Done done;
    std::size_t next = 0;
};

void Applier::perform(JsonPtr about, std::vector<reconcile::Action> actions, Done done) {
    step(std::make_shared<Run>(std::move(about), std::move(actions), std::move(done)));
}

void Applier::step(const RunPtr& run) {
    while (run->next < run->actions.size()) {
        const reconcile::Action& action = run->actions[run->next++];
        if (const auto* announce = std::get_if<reconcile::Announce>(&action)) {
            const kube::ObjectName pool{kube::name_of(*run->about).name_space, announce->pool};
            const JsonPtr found =
                announce->pool.empty() ? nullptr : x_caches.find("BrokerPool", pool);
            x_events.record(
                found ? *found : *run->about,
                announce->warning ? kube::EventSeverity::warning : kube::EventSeverity::normal,
                announce->reason, announce->message);
        } else if (const auto* object = std::get_if<reconcile::ApplyObject>(&action)) {
            if (apply(run, object->json)) {
                return;
            }
        } else {
            delete_pod(run, std::get<reconcile::DeletePod>(action));
            return;
        }
    }
    run->done({});
}

// False when there was nothing to send.
bool Applier::apply(const RunPtr& run, const std::string& text) {
    Result<json> parsed = kube::parse_json(text);
    CHECK(parsed.has_value(), "plans write well-formed objects");
    const auto wanted = std::make_shared<const json>(std::move(*parsed));
    const ObjectId id = id_of(*wanted);
    const JsonPtr cached = x_caches.find(id.kind, id.name);
    if (x_memory.holds(id, *wanted, cached.get())) {
        return false;
    }
    send(type_of(id.kind), wanted, kube::Subresource::none,
         [this, run, wanted, id](Result<JsonPtr> stored) {
             if (!stored) {
                 run->done(fail(stored.error().code,
                                fmt::format("{} {} could not be applied: {}", id.kind,
                                            id.name.to_string(), stored.error().message)));
                 return;
             }
             x_memory.applied(id, *wanted, **stored);
             x_caches.assume(*stored);
             step(run);
         });
    return true;
}

void Applier::delete_pod(const RunPtr& run, const reconcile::DeletePod& pod) {
    const kube::ObjectName name{kube::name_of(*run->about).name_space, pod.name};
    kube::DeleteOptions options;
    options.uid = pod.uid;
    x_client.remove(type_of("Pod"), name, options,
                    [this, run, name, uid = pod.uid](const Result<JsonPtr>& answer) {
                        // Gone, or replaced by another of the same name: both are what was wanted.
                        const bool settled = answer || answer.error().code == Errc::not_found ||
                                             answer.error().code == Errc::conflict;
                        if (!settled) {
                            run->done(fail(answer.error()));
                            return;
                        }
                        if (x_caches.find("Pod", name)) {
                            x_caches.mark_deleted(uid);
                        }
                        step(run);
                    });
}

void Applier::write_statuses(std::vector<StatusWrite> writes, Done done) {
    next_status(std::make_shared<StatusRun>(std::move(writes), std::move(done)));
}

void Applier::next_status(const std::shared_ptr<StatusRun>& run) {
    if (run->next == run->writes.size()) {
        run->done({});
        return;
    }
    const StatusWrite& write = run->writes[run->next++];
    const ObjectId id = id_of(*write.object);
    Result<json> status = kube::parse_json(write.status);
    CHECK(status.has_value(), "plans write well-formed statuses");
    json object = {{"apiVersion", kube::text_at(*write.object, {"apiVersion"})},
                   {"kind", id.kind},
                   {"metadata", {{"name", id.name.name}, {"namespace", id.name.name_space}}},
                   {"status", std::move(*status)}};
    send(type_of(id.kind), std::make_shared<const json>(std::move(object)),
         kube::Subresource::status, [this, run, id](const Result<JsonPtr>& stored) {
             if (!stored && stored.error().code != Errc::not_found) {
                 run->done(fail(stored.error().code,
                                fmt::format("status of {} {}: {}", id.kind, id.name.to_string(),
                                            stored.error().message)));
                 return;
             }
             next_status(run);
         });
}

void Applier::send(const kube::ResourceType& type, JsonPtr object, kube::Subresource subresource,
                   kube::Client::Reply reply) {
    x_client.apply(type, object, {subresource, false},
                   [this, &type, object, subresource,
                    reply = std::move(reply)](Result<JsonPtr> stored) mutable {
                       if (stored || stored.error().code != Errc::conflict) {
                           reply(std::move(stored));
                           return;
                       }
                       log_warning("apply", "{} {}: taking back fields that others changed: {}",
                                   type.kind, kube::name_of(*object).to_string(),
                                   stored.error().message);
                       x_client.apply(type, object, {subresource, true}, std::move(reply));
                   });
}

}  // namespace millrace::kube_operator::server
