// Objects of the API as the structs of operator/api, and pods as decisions see them.
#pragma once

#include "operator/api/broker_pool.h"
#include "operator/api/cluster_node.h"
#include "operator/api/coordinator_ensemble.h"
#include "operator/api/kafka_cluster.h"
#include "operator/api/kafka_topic.h"
#include "operator/api/object_json.h"
#include "operator/kube/client.h"
#include "operator/reconcile/plan.h"

namespace millrace::kube_operator::server {

// For the five custom kinds. Errors: malformed, with the name of the object and the path of the field.
template <class Resource>
Result<Resource> read_resource(const kube::JsonPtr& object);

extern template Result<api::CoordinatorEnsemble> read_resource(const kube::JsonPtr&);
extern template Result<api::KafkaCluster> read_resource(const kube::JsonPtr&);
extern template Result<api::BrokerPool> read_resource(const kube::JsonPtr&);
extern template Result<api::ClusterNode> read_resource(const kube::JsonPtr&);
extern template Result<api::KafkaTopic> read_resource(const kube::JsonPtr&);

// The JSON text of a spec or a status; equal values give equal texts.
template <class Described>
std::string text_of(Described described) {
    return api::write_fields([&](api::FieldVisitor& visitor) { describe(visitor, described); });
}

// Tolerates whatever is absent: a pod that was just made has no status.
reconcile::PodView read_pod(const nlohmann::json& pod);

}  // namespace millrace::kube_operator::server
