#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/reconcile/broker_nodes.h"
#include "operator/reconcile/conditions.h"
#include "operator/reconcile/nodes.h"
#include "operator/server/pass.h"
#include "operator/server/resource_types.h"

namespace millrace::kube_operator::server {
namespace {

using kube::JsonPtr;
using kube::ObjectName;
using nlohmann::json;
using reconcile::TopicAction;
using reconcile::TopicInput;
using reconcile::TopicPlan;

// The cluster may take this long until all brokers show a change.
constexpr Duration kAfterChange = 300ms;
// Between changes that did not have the effect wanted: a value that the brokers keep in another spelling, for example.
constexpr Duration kAfterVainChange = 5s;

std::string topic_name(const api::KafkaTopic& topic) {
    return topic.spec.topic_name.empty() ? topic.metadata.name : topic.spec.topic_name;
}

// Brokers to start from: those that serve, at their first listener.
std::vector<runtime::Endpoint> bootstrap_of(const Caches& caches,
                                            const api::KafkaCluster& cluster) {
    const std::int64_t port = reconcile::listeners_of(cluster.spec).front().port;
    std::vector<runtime::Endpoint> endpoints;
    const ObjectName name{cluster.metadata.namespace_name, cluster.metadata.name};
    for (const reconcile::PodView& pod : caches.pods(name, resources::Role::broker)) {
        if (reconcile::serves(pod) && !pod.ip.empty()) {
            endpoints.push_back({pod.ip, static_cast<std::uint16_t>(port)});
        }
    }
    return endpoints;
}

// Another resource for the same topic that was there before this one; empty: none.
std::string earlier_owner(const Caches& caches, const JsonPtr& object,
                          const api::KafkaTopic& topic) {
    const auto age = [](const json& of) {
        return std::pair(kube::text_at(of, {"metadata", "creationTimestamp"}),
                         kube::text_at(of, {"metadata", "name"}));
    };
    for (const JsonPtr& other : caches.all("KafkaTopic", topic.metadata.namespace_name)) {
        const Result<api::KafkaTopic> read = read_resource<api::KafkaTopic>(other);
        const bool is_same = read && read->metadata.name != topic.metadata.name &&
                             read->spec.cluster == topic.spec.cluster &&
                             topic_name(*read) == topic_name(topic) && !read->metadata.deleting();
        if (is_same && age(*other) < age(*object)) {
            return read->metadata.name;
        }
    }
    return "";
}

// One pass over one topic; kept alive by the callbacks under way.
class TopicPass : public std::enable_shared_from_this<TopicPass> {
 public:
    TopicPass(World& world, JsonPtr object, PassDone done)
        : x_world(world), x_object(std::move(object)), x_done(std::move(done)) {}

    void run() {
        Result<api::KafkaTopic> topic = read_resource<api::KafkaTopic>(x_object);
        if (!topic) {
            x_done({fail(topic.error()), {}});
            return;
        }
        x_input.topic = std::move(*topic);
        x_input.environment = x_world.environment();
        x_input.earlier_owner = earlier_owner(x_world.caches, x_object, x_input.topic);
        find_cluster();
        if (!x_link) {
            decide();
            return;
        }
        x_link->observe(topic_name(x_input.topic),
                        [self = shared_from_this()](auto observed) { self->take(observed); });
    }

 private:
    void find_cluster() {
        const ObjectName name{x_input.topic.metadata.namespace_name, x_input.topic.spec.cluster};
        const JsonPtr object = x_world.caches.find("KafkaCluster", name);
        Result<api::KafkaCluster> cluster =
            object ? read_resource<api::KafkaCluster>(object)
                   : Result<api::KafkaCluster>(fail(Errc::not_found, "no such cluster"));
        if (!cluster) {
            return;
        }
        x_input.cluster = std::move(*cluster);
        const std::vector<runtime::Endpoint> bootstrap =
            bootstrap_of(x_world.caches, *x_input.cluster);
        if (!bootstrap.empty()) {
            x_link = x_world.links.find(name, bootstrap);
        }
    }

    void take(std::expected<std::optional<reconcile::ObservedTopic>, TopicRefusal>& observed) {
        if (observed) {
            x_input.cluster_reachable = true;
            x_input.observed = std::move(*observed);
        } else if (!observed.error().unreachable) {
            x_refusal = std::move(observed).error();
        }
        decide();
    }

    void decide() {
        x_plan = reconcile::plan_topic(x_input);
        if (x_refusal) {
            x_plan.actions.clear();
        }
        x_acts = std::ranges::any_of(x_plan.actions, [](const TopicAction& action) {
            return !std::holds_alternative<reconcile::Announce>(action);
        });
        next_action();
    }

    void next_action() {
        if (x_refusal || x_next == x_plan.actions.size()) {
            finish();
            return;
        }
        std::visit([this](const auto& action) { perform(action); }, x_plan.actions[x_next++]);
    }

    void took(const std::expected<void, TopicRefusal>& answer) {
        if (!answer) {
            x_refusal = answer.error();
        }
        next_action();
    }
    auto answer() {
        return [self = shared_from_this()](const auto& result) { self->took(result); };
    }

    void perform(const reconcile::CreateTopic& action) { x_link->create(action, answer()); }
    void perform(const reconcile::AddPartitions& action) {
        x_link->add_partitions(action, answer());
    }
    void perform(const reconcile::AlterTopicConfig& action) {
        x_link->alter_config(action, answer());
    }
    void perform(const reconcile::DeleteTopic& action) { x_link->remove(action, answer()); }
    void perform(const reconcile::Announce& action) {
        x_news.push_back(action);
        next_action();
    }
    void perform(const reconcile::SetFinalizer& action) {
        std::vector<std::string> finalizers = x_input.topic.metadata.finalizers;
        std::erase(finalizers, reconcile::kTopicFinalizer);
        if (action.present) {
            finalizers.emplace_back(reconcile::kTopicFinalizer);
        }
        // The version guards what others may have changed in the list.
        const json patch = {{"metadata",
                             {{"resourceVersion", x_input.topic.metadata.resource_version},
                              {"finalizers", std::move(finalizers)}}}};
        x_world.client.merge_patch(type_of("KafkaTopic"), kube::name_of(*x_object),
                                   std::make_shared<const json>(patch), kube::Subresource::none,
                                   [self = shared_from_this()](const Result<JsonPtr>& patched) {
                                       if (!patched && patched.error().code != Errc::not_found) {
                                           self->x_done({fail(patched.error()), {}});
                                           return;
                                       }
                                       self->next_action();
                                   });
    }

    void finish() {
        if (x_refusal) {
            record(true, x_refusal->reason, x_refusal->message);
            reconcile::stamp(
                x_plan.status.conditions,
                reconcile::condition("Ready", false, x_refusal->reason, x_refusal->message),
                x_input.topic.metadata.generation, x_input.environment.now);
            // The spec has not been carried out: it still counts as new.
            x_plan.status.observed_generation = x_input.topic.status.observed_generation;
        } else {
            for (const reconcile::Announce& news : x_news) {
                record(news.warning, news.reason, news.message);
            }
        }
        std::vector<Applier::StatusWrite> writes;
        add_status_write<api::KafkaTopic>(x_world.caches, "KafkaTopic", kube::name_of(*x_object),
                                          x_plan.status, writes);
        x_world.applier.write_statuses(
            std::move(writes), [self = shared_from_this()](Status written) {
                self->x_done({self->x_refusal && written
                                  ? Status(fail(Errc::invalid_argument, self->x_refusal->message))
                                  : std::move(written),
                              self->pause()});
            });
    }

    void record(bool warning, const std::string& reason, const std::string& message) {
        x_world.events.record(*x_object,
                              warning ? kube::EventSeverity::warning : kube::EventSeverity::normal,
                              reason, message);
    }

    Duration pause() const {
        if (x_acts) {
            const api::Condition* before =
                api::find_condition(x_input.topic.status.conditions, "Ready");
            const bool vain = before != nullptr && before->reason == "Altering" &&
                              before->observed_generation == x_input.topic.metadata.generation;
            return vain ? kAfterVainChange : kAfterChange;
        }
        return x_link && !x_input.cluster_reachable ? kWhileUnsettled : kTopicDriftCheck;
    }

    World& x_world;
    JsonPtr x_object;
    PassDone x_done;
    TopicInput x_input;
    TopicPlan x_plan;
    std::shared_ptr<TopicLink> x_link;
    std::optional<TopicRefusal> x_refusal;
    std::vector<reconcile::Announce> x_news;  // told once what they announce was done
    std::size_t x_next = 0;
    bool x_acts = false;
};

}  // namespace

void run_topic_pass(World& world, const ObjectName& name, PassDone done) {
    const JsonPtr object = world.caches.find("KafkaTopic", name);
    if (!object) {
        done({});
        return;
    }
    std::make_shared<TopicPass>(world, object, std::move(done))->run();
}

}  // namespace millrace::kube_operator::server
