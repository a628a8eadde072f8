#include "operator/api/kafka_topic.h"

#include "operator/api/shared_fields.h"

namespace millrace::kube_operator::api {

void describe(FieldVisitor& v, KafkaTopicSpec& spec) {
    describe_reference(v, "clusterRef", spec.cluster, "The KafkaCluster of the topic.", true);
    v.text("topicName", spec.topic_name,
           {.doc = "Name of the topic; absent: the name of the resource.",
            .pattern = "^[a-zA-Z0-9._-]{1,249}$",
            .length_max = 249});
    v.integer("partitions", spec.partitions,
              {.doc = "Number of partitions; absent: the default of the cluster.",
               .min = 1,
               .max = 100000});
    v.integer("replicas", spec.replicas,
              {.doc = "Replicas of each partition; absent: the default of the cluster.",
               .min = 1,
               .max = 32767});
    v.text_map("config", spec.config, {.doc = "Settings of the topic, as Kafka names them."});
    v.text("managementPolicy", spec.management_policy,
           {.doc = "Managed: made to agree; Observe: only reported; Unmanaged: left alone.",
            .default_value = "Managed",
            .allowed = {"Managed", "Observe", "Unmanaged"}});
    v.text(
        "deletionPolicy", spec.deletion_policy,
        {.doc = "What becomes of the topic when this resource goes; absent: as the cluster says.",
         .allowed = {"Delete", "Retain"}});
    v.text("driftPolicy", spec.drift_policy,
           {.doc = "What becomes of changes by others; absent: as the cluster says.",
            .allowed = {"Revert", "Report"}});
}

void describe(FieldVisitor& v, KafkaTopicStatus& status) {
    v.integer("observedGeneration", status.observed_generation,
              {.doc = "Generation of the spec that this status belongs to."});
    v.text("topicName", status.topic_name, {.doc = "Name in the cluster.", .length_max = 249});
    v.text("topicId", status.topic_id, {.doc = "Id in the cluster.", .length_max = 22});
    v.integer("partitions", status.partitions, {.doc = "Partitions it has."});
    v.integer("replicas", status.replicas, {.doc = "Replicas of its partitions."});
    v.objects("drift", status.drift,
              {.doc = "What differs from the spec.", .items_max = 64, .map_keys = {"key"}},
              [](FieldVisitor& item, TopicDrift& drift) {
                  item.text("key", drift.key, {.doc = "Setting."});
                  item.text("desired", drift.desired, {.doc = "As declared.", .length_max = 4096});
                  item.text("actual", drift.actual, {.doc = "As found.", .length_max = 4096});
              });
    v.text("driftSummary", status.drift_summary, {.doc = "Keys that differ.", .length_max = 1024});
    describe(v, status.conditions);
}

}  // namespace millrace::kube_operator::api
