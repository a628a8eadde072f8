#include "operator/server/pass.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::server {

std::vector<api::ClusterNode> nodes_of(const Caches& caches, const kube::ObjectName& cluster,
                                       resources::Role role) {
    std::vector<api::ClusterNode> nodes;
    for (const kube::JsonPtr& object : caches.all("ClusterNode", cluster.name_space)) {
        Result<api::ClusterNode> node = read_resource<api::ClusterNode>(object);
        if (node && node->spec.cluster == cluster.name && node->spec.role == name_of(role)) {
            nodes.push_back(std::move(*node));
        }
    }
    return nodes;
}

reconcile::NodeKnowledge knowledge_of(const Caches& caches, const kube::ObjectName& cluster,
                                      resources::Role role, std::string_view file) {
    reconcile::NodeKnowledge known;
    for (const kube::JsonPtr& object : caches.all("ClusterNode", cluster.name_space)) {
        const std::string name = kube::name_of(*object).name;
        const bool is_own =
            kube::text_at(*object, {"spec", "clusterRef", "name"}) == cluster.name &&
            kube::text_at(*object, {"spec", "role"}) == name_of(role);
        if (!is_own) {
            known.foreign_nodes.insert(name);
            continue;
        }
        const kube::JsonPtr map = caches.find("ConfigMap", {cluster.name_space, name + "-config"});
        if (map) {
            known.stored_settings[name] = kube::text_at(*map, {"data", file});
        }
    }
    return known;
}

void check_settings(
    World& world, resources::Role role, const std::string& image, SettingsTexts texts,
    std::move_only_function<void(std::map<std::string, std::string> refused)> then) {
    if (world.config_check == nullptr || (!image.empty() && image != world.default_image)) {
        then({});
        return;
    }
    struct Round {
        std::size_t open = 1;
        std::map<std::string, std::string> refused;
        std::move_only_function<void(std::map<std::string, std::string>)> then;
    };
    auto round = std::make_shared<Round>();
    round->then = std::move(then);
    const auto finish = [round] {
        if (--round->open == 0) {
            round->then(std::move(round->refused));
        }
    };
    for (const auto& [pool, text] : texts) {
        ++round->open;
        world.config_check->check(role, text, [round, finish, pool](const std::string& problem) {
            if (!problem.empty()) {
                round->refused[pool] = problem;
            }
            finish();
        });
    }
    finish();
}

void finish_pass(World& world, kube::JsonPtr about, std::vector<reconcile::Action> actions,
                 std::vector<Applier::StatusWrite> writes,
                 std::move_only_function<void(Status)> done) {
    world.applier.perform(about, std::move(actions),
                          [&world, about, writes = std::move(writes),
                           done = std::move(done)](const Status& performed) mutable {
                              if (!performed) {
                                  world.events.record(*about, kube::EventSeverity::warning,
                                                      "ActionFailed", performed.error().message);
                              }
                              world.applier.write_statuses(
                                  std::move(writes),
                                  [performed, done = std::move(done)](Status written) mutable {
                                      done(performed ? std::move(written) : performed);
                                  });
                          });
}

}  // namespace millrace::kube_operator::server
