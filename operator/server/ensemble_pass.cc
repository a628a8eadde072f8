#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/server/pass.h"

namespace millrace::kube_operator::server {
namespace {

using reconcile::EnsembleInput;
using reconcile::EnsemblePlan;

Duration pause_after(const EnsemblePlan& plan) {
    const api::Condition* ready = api::find_condition(plan.status.conditions, "Ready");
    const bool settled = ready != nullptr && ready->status == "True" &&
                         plan.status.rollout.phase != "Rolling" &&
                         plan.status.rollout.phase != "Waiting";
    return settled ? kWhileSettled : kWhileUnsettled;
}

void act(World& world, const kube::JsonPtr& object, const EnsembleInput& input, PassDone done) {
    EnsemblePlan plan = reconcile::plan_ensemble(input);
    const kube::ObjectName name = kube::name_of(*object);
    std::vector<Applier::StatusWrite> writes;
    add_status_write<api::CoordinatorEnsemble>(world.caches, "CoordinatorEnsemble", name,
                                               plan.status, writes);
    for (const auto& [node, status] : plan.nodes) {
        add_status_write<api::ClusterNode>(world.caches, "ClusterNode", {name.name_space, node},
                                           status, writes);
    }
    finish_pass(world, object, std::move(plan.actions), std::move(writes),
                [again = pause_after(plan), done = std::move(done)](Status status) mutable {
                    done({std::move(status), again});
                });
}

void ask_members(World& world, const kube::JsonPtr& object,
                 const std::shared_ptr<EnsembleInput>& input, PassDone done) {
    std::vector<NodeProbe::Question> questions;
    for (const reconcile::PodView& pod : input->pods) {
        if (pod.ready && !pod.ip.empty()) {
            questions.push_back({pod.ip, resources::kCoordinatorAdminPort, "/version"});
        }
    }
    world.probe.ask(questions, [&world, object, input,
                                done = std::move(done)](const NodeProbe::Answers& answers) mutable {
        for (const auto& [host, answer] : answers) {
            input->version = kube::text_at(*answer, {"version"});
        }
        act(world, object, *input, std::move(done));
    });
}

}  // namespace

void run_ensemble_pass(World& world, const kube::ObjectName& name, PassDone done) {
    const kube::JsonPtr object = world.caches.find("CoordinatorEnsemble", name);
    if (!object) {
        done({});
        return;
    }
    Result<api::CoordinatorEnsemble> ensemble = read_resource<api::CoordinatorEnsemble>(object);
    if (!ensemble) {
        done({fail(ensemble.error()), {}});
        return;
    }
    auto input = std::make_shared<EnsembleInput>();
    input->ensemble = std::move(*ensemble);
    input->pods = world.caches.pods(name, resources::Role::coordinator);
    input->environment = world.environment();
    input->nodes = nodes_of(world.caches, name, resources::Role::coordinator);
    input->known = knowledge_of(world.caches, name, resources::Role::coordinator, "zoo.cfg");
    const SettingsTexts texts{{"", reconcile::settings_text(input->ensemble.spec)}};
    check_settings(world, resources::Role::coordinator, input->ensemble.spec.image, texts,
                   [&world, object, input,
                    done = std::move(done)](std::map<std::string, std::string> refused) mutable {
                       input->known.refused_settings = std::move(refused);
                       ask_members(world, object, input, std::move(done));
                   });
}

}  // namespace millrace::kube_operator::server
