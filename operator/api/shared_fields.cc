#include "operator/api/shared_fields.h"

namespace millrace::kube_operator::api {

void describe(FieldVisitor& v, Storage& storage) {
    const ObjectField field{
        .doc = "Where the data of each node lies.",
        .present = true,
        .rules = {
            {"self.type == oldSelf.type", "storage.type cannot change: it would abandon the data"},
            {"has(self.storageClass) == has(oldSelf.storageClass) && "
             "(!has(self.storageClass) || self.storageClass == oldSelf.storageClass)",
             "storage.storageClass cannot change: claims keep theirs"},
            {"quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
             "storage.size cannot shrink"}}};
    if (!v.begin_object("storage", field)) {
        return;
    }
    v.text("type", storage.type,
           {.doc = "PersistentClaim keeps the data across pods; Ephemeral loses it with the pod.",
            .default_value = "PersistentClaim",
            .allowed = {"PersistentClaim", "Ephemeral"}});
    v.text("size", storage.size,
           {.doc = "Size of the claim.",
            .default_value = "1Gi",
            .pattern = "^[1-9][0-9]*(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$",
            .length_max = 20});
    v.text("storageClass", storage.storage_class,
           {.doc = "Storage class; absent: the default of the cluster.",
            .pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"});
    v.boolean("deleteClaim", storage.delete_claim,
              "Delete the claim, and with it the data, when the resource is deleted.", false);
    v.end_object();
}

void describe(FieldVisitor& v, Rollout& rollout) {
    if (!v.begin_object("rollout", {.doc = "How nodes are restarted when a setting changes."})) {
        return;
    }
    v.text("strategy", rollout.strategy,
           {.doc = "Auto restarts one node after the other; OnDelete waits until somebody deletes "
                   "the pod.",
            .default_value = "Auto",
            .allowed = {"Auto", "OnDelete"}});
    v.integer("stallTimeoutSeconds", rollout.stall_timeout_s,
              {.doc = "Seconds without progress after which a roll is reported as stalled.",
               .default_value = 600,
               .min = 10,
               .max = 86400});
    v.end_object();
}

void describe(FieldVisitor& v, RolloutStatus& rollout) {
    if (!v.begin_object("rollout", {.doc = "Progress of the present or the last roll."})) {
        return;
    }
    v.text("phase", rollout.phase, {.doc = "Idle, Rolling, Waiting or Stalled.", .length_max = 32});
    v.text("reason", rollout.reason, {.doc = "Why nodes are restarted.", .length_max = 256});
    v.integer("total", rollout.total, {.doc = "Nodes to restart."});
    v.integer("done", rollout.done, {.doc = "Nodes that run the wanted settings."});
    v.text("waitingFor", rollout.waiting_for,
           {.doc = "What the next step waits for.", .length_max = 512});
    v.text("lastProgress", rollout.last_progress,
           {.doc = "When a node was restarted or served again.", .date_time = true});
    v.text("summary", rollout.summary, {.doc = "done/total while it goes on.", .length_max = 32});
    v.end_object();
}

void describe_image(FieldVisitor& v, std::string& image) {
    v.text("image", image,
           {.doc = "Container image; absent: the image of the operator.",
            .pattern = "^[^ ]+$",
            .length_max = 512});
}

void describe_paused(FieldVisitor& v, bool& paused) {
    v.boolean("paused", paused, "True: the operator watches and changes nothing.", false);
}

void describe_reference(FieldVisitor& v, std::string_view field, std::string& name,
                        std::string_view doc, bool required) {
    if (!v.begin_object(field, {.doc = doc, .required = required})) {
        return;
    }
    v.text("name", name,
           {.doc = "Name, in the same namespace.",
            .pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
            .length_max = 63,
            .required = true});
    v.end_object();
}

}  // namespace millrace::kube_operator::api
