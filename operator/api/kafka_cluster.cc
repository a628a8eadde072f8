#include "operator/api/kafka_cluster.h"

namespace millrace::kube_operator::api {
namespace {

void describe_sources(FieldVisitor& v, KafkaClusterSpec& spec) {
    describe_reference(v, "ensembleRef", spec.ensemble, "The CoordinatorEnsemble to use.", false);
    if (v.begin_object("coordinator", {.doc = "Coordinators that this operator does not own."})) {
        v.text("connect", spec.connect,
               {.doc = "Connect string, host:port[,host:port]; the path goes into chroot.",
                .pattern = "^[^/, ]+(,[^/, ]+)*$",
                .length_max = 1024,
                .required = true});
        v.end_object();
    }
    v.text("chroot", spec.chroot,
           {.doc = "Path under which the cluster keeps its state; absent: /<namespace>-<name>.",
            .pattern = "^(/|(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+)$",
            .length_max = 256});
}

void describe_listeners(FieldVisitor& v, KafkaClusterSpec& spec) {
    const ListField field{.doc = "Where clients connect; absent: one internal listener on 9092.",
                          .items_max = 16,
                          .map_keys = {"name"},
                          .rules = {{"self.all(l, self.exists_one(m, m.port == l.port))",
                                     "each listener needs a port of its own"},
                                    {"self.all(l, l.port != 9404 && l.name != 'admin')",
                                     "port 9404 and the name admin belong to the brokers' "
                                     "admin listener"}}};
    v.objects("listeners", spec.listeners, field, [](FieldVisitor& item, ListenerSpec& listener) {
        item.text(
            "name", listener.name,
            {.doc = "Name of the listener.", .pattern = "^[a-z][a-z0-9]{0,10}$", .length_max = 11});
        item.integer("port", listener.port,
                     {.doc = "Port.", .default_value = 9092, .min = 9092, .max = 65535});
        item.text("type", listener.type,
                  {.doc = "internal: reachable inside the cluster.",
                   .default_value = "internal",
                   .allowed = {"internal"}});
    });
}

}  // namespace

void describe(FieldVisitor& v, KafkaClusterSpec& spec) {
    describe_sources(v, spec);
    describe_image(v, spec.image);
    v.text_map("config", spec.config, {.doc = "Keys of server.properties for every broker."});
    describe_listeners(v, spec);
    if (v.begin_object("topics", {.doc = "How KafkaTopic resources are treated."})) {
        v.text("deletionPolicy", spec.topic_deletion_policy,
               {.doc = "Delete removes the topic with its resource; Retain keeps it.",
                .default_value = "Delete",
                .allowed = {"Delete", "Retain"}});
        v.text("driftPolicy", spec.topic_drift_policy,
               {.doc = "Revert undoes what others changed; Report only says so.",
                .default_value = "Revert",
                .allowed = {"Revert", "Report"}});
        v.end_object();
    }
    describe(v, spec.rollout);
    describe_paused(v, spec.paused);
}

void describe(FieldVisitor& v, KafkaClusterStatus& status) {
    v.integer("observedGeneration", status.observed_generation,
              {.doc = "Generation of the spec that this status belongs to."});
    v.text("clusterId", status.cluster_id, {.doc = "Id that the brokers agreed on."});
    v.integer("controllerId", status.controller_id, {.doc = "broker.id of the controller."});
    v.text("version", status.version, {.doc = "Version that the brokers run."});
    v.text("brokersSummary", status.brokers_summary, {.doc = "Ready brokers of those wanted."});
    v.integer("offlinePartitions", status.offline_partitions,
              {.doc = "Partitions without leader."});
    v.integer("underReplicated", status.under_replicated,
              {.doc = "Partitions with fewer in-sync replicas than replicas."});
    v.objects("listeners", status.listeners,
              {.doc = "Bootstrap addresses by listener.", .items_max = 16, .map_keys = {"name"}},
              [](FieldVisitor& item, ListenerStatus& listener) {
                  item.text("name", listener.name, {.doc = "Name of the listener."});
                  item.text("bootstrap", listener.bootstrap,
                            {.doc = "Addresses to start from.", .length_max = 4096});
              });
    v.integer_list("usedIds", status.used_ids,
                   {.doc = "Every broker.id that was ever given.", .items_max = 1024});
    describe(v, status.rollout);
    describe(v, status.conditions);
}

}  // namespace millrace::kube_operator::api
