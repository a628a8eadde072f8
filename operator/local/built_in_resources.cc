#include "operator/local/resource_registry.h"

namespace millrace::kube_operator::local {
namespace {

struct Row {
    const char* group;
    const char* version;
    const char* plural;
    const char* kind;
    bool namespaced;
    bool has_status;
    std::vector<std::string> short_names;
    std::vector<std::string> categories;
    std::vector<PrinterColumn> columns;
};

PrinterColumn age() {
    return {"Age", "string", "@age", 0};
}
PrinterColumn text(const char* name, const char* path, int priority = 0) {
    return {name, "string", path, priority};
}

std::vector<Row> core_rows() {
    return {
        {"",
         "v1",
         "configmaps",
         "ConfigMap",
         true,
         false,
         {"cm"},
         {},
         {text("Data", "@data"), age()}},
        {"",
         "v1",
         "events",
         "Event",
         true,
         false,
         {"ev"},
         {},
         {text("Last Seen", "@last-seen"), text("Type", ".type"), text("Reason", ".reason"),
          text("Object", "@event-object"), text("Source", "@event-source", 1),
          text("Message", ".message"), text("First Seen", "@first-seen", 1),
          text("Count", "@event-count", 1), text("Name", ".metadata.name", 1)}},
        {"",
         "v1",
         "namespaces",
         "Namespace",
         false,
         true,
         {"ns"},
         {},
         {text("Status", ".status.phase"), age()}},
        {"",
         "v1",
         "nodes",
         "Node",
         false,
         true,
         {"no"},
         {},
         {text("Status", "@node-status"), text("Roles", "@node-roles"), age(),
          text("Version", ".status.nodeInfo.kubeletVersion")}},
        {"",
         "v1",
         "persistentvolumeclaims",
         "PersistentVolumeClaim",
         true,
         true,
         {"pvc"},
         {},
         {text("Status", ".status.phase"), text("Volume", ".spec.volumeName"),
          text("Capacity", ".status.capacity.storage"), text("Access Modes", "@access-modes"),
          text("StorageClass", ".spec.storageClassName"), age()}},
    };
}

std::vector<Row> pod_rows() {
    return {
        {"",
         "v1",
         "pods",
         "Pod",
         true,
         true,
         {"po"},
         {"all"},
         {text("Ready", "@pod-ready"), text("Status", "@pod-status"),
          text("Restarts", "@pod-restarts"), age(), text("IP", ".status.podIP", 1),
          text("Node", ".spec.nodeName", 1)}},
        {"",
         "v1",
         "secrets",
         "Secret",
         true,
         false,
         {},
         {},
         {text("Type", ".type"), text("Data", "@data"), age()}},
        {"",
         "v1",
         "serviceaccounts",
         "ServiceAccount",
         true,
         false,
         {"sa"},
         {},
         {text("Secrets", "@secrets"), age()}},
        {"",
         "v1",
         "services",
         "Service",
         true,
         true,
         {"svc"},
         {"all"},
         {text("Type", "@service-type"), text("Cluster-IP", "@cluster-ip"),
          text("External-IP", "@external-ip"), text("Port(s)", "@service-ports"), age(),
          text("Selector", "@service-selector", 1)}},
    };
}

std::vector<Row> group_rows() {
    const char* extensions = "apiextensions.k8s.io";
    const char* access = "rbac.authorization.k8s.io";
    return {
        {extensions,
         "v1",
         "customresourcedefinitions",
         "CustomResourceDefinition",
         false,
         true,
         {"crd", "crds"},
         {"api-extensions"},
         {text("Created At", ".metadata.creationTimestamp")}},
        {"coordination.k8s.io",
         "v1",
         "leases",
         "Lease",
         true,
         false,
         {},
         {},
         {text("Holder", ".spec.holderIdentity"), age()}},
        {"policy",
         "v1",
         "poddisruptionbudgets",
         "PodDisruptionBudget",
         true,
         true,
         {"pdb"},
         {},
         {text("Min Available", "@pdb-min"), text("Max Unavailable", "@pdb-max"),
          text("Allowed Disruptions", "@pdb-allowed"), age()}},
        {"networking.k8s.io",
         "v1",
         "networkpolicies",
         "NetworkPolicy",
         true,
         false,
         {"netpol"},
         {},
         {age()}},
        {access,
         "v1",
         "roles",
         "Role",
         true,
         false,
         {},
         {},
         {text("Created At", ".metadata.creationTimestamp")}},
        {access, "v1", "rolebindings", "RoleBinding", true, false, {}, {}, {age()}},
        {access,
         "v1",
         "clusterroles",
         "ClusterRole",
         false,
         false,
         {},
         {},
         {text("Created At", ".metadata.creationTimestamp")}},
        {access, "v1", "clusterrolebindings", "ClusterRoleBinding", false, false, {}, {}, {age()}},
    };
}

// Kinds that clients ask for in passing (apply --prune, describe, cluster-info dump). They can be listed and are always empty.
struct AbsentRow {
    const char* group;
    const char* plural;
    const char* kind;
    bool namespaced;
    std::vector<std::string> short_names;
    bool in_all;
};

std::vector<AbsentRow> absent_rows() {
    return {
        {"", "endpoints", "Endpoints", true, {"ep"}, false},
        {"", "limitranges", "LimitRange", true, {"limits"}, false},
        {"", "persistentvolumes", "PersistentVolume", false, {"pv"}, false},
        {"", "replicationcontrollers", "ReplicationController", true, {"rc"}, true},
        {"", "resourcequotas", "ResourceQuota", true, {"quota"}, false},
        {"apps", "daemonsets", "DaemonSet", true, {"ds"}, true},
        {"apps", "deployments", "Deployment", true, {"deploy"}, true},
        {"apps", "replicasets", "ReplicaSet", true, {"rs"}, true},
        {"apps", "statefulsets", "StatefulSet", true, {"sts"}, true},
        {"batch", "cronjobs", "CronJob", true, {"cj"}, true},
        {"batch", "jobs", "Job", true, {}, true},
        {"networking.k8s.io", "ingresses", "Ingress", true, {"ing"}, false},
        {"storage.k8s.io", "storageclasses", "StorageClass", false, {"sc"}, false},
    };
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    return text;
}

// As in pkg/apis/core/v1/conversion.go of Kubernetes.
std::vector<std::string> selectable_fields(std::string_view plural) {
    if (plural == "pods") {
        return {"spec.nodeName",
                "spec.restartPolicy",
                "spec.schedulerName",
                "spec.serviceAccountName",
                "spec.hostNetwork",
                "status.phase",
                "status.podIP",
                "status.podIPs",
                "status.nominatedNodeName"};
    }
    if (plural == "events") {
        return {"involvedObject.kind",
                "involvedObject.namespace",
                "involvedObject.name",
                "involvedObject.uid",
                "involvedObject.apiVersion",
                "involvedObject.resourceVersion",
                "involvedObject.fieldPath",
                "reason",
                "reportingComponent",
                "source.component",
                "type"};
    }
    if (plural == "namespaces") {
        return {"status.phase"};
    }
    if (plural == "nodes") {
        return {"spec.unschedulable"};
    }
    if (plural == "services") {
        return {"spec.clusterIP", "spec.type"};
    }
    return plural == "secrets" ? std::vector<std::string>{"type"} : std::vector<std::string>{};
}

ResourceInfo from_row(Row row) {
    ResourceInfo info;
    info.group = row.group;
    info.version = row.version;
    info.plural = row.plural;
    info.kind = row.kind;
    info.singular = lower(info.kind);
    info.list_kind = info.kind + "List";
    info.namespaced = row.namespaced;
    info.has_status = row.has_status;
    info.short_names = std::move(row.short_names);
    info.categories = std::move(row.categories);
    info.columns = std::move(row.columns);
    info.selectable = selectable_fields(info.plural);
    info.columns.insert(info.columns.begin(),
                        PrinterColumn{"Name", "string", ".metadata.name", 0, {}, "name"});
    return info;
}

ResourceInfo from_absent(AbsentRow row) {
    std::vector<std::string> categories;
    if (row.in_all) {
        categories.emplace_back("all");
    }
    ResourceInfo info = from_row({row.group,
                                  "v1",
                                  row.plural,
                                  row.kind,
                                  row.namespaced,
                                  false,
                                  std::move(row.short_names),
                                  std::move(categories),
                                  {age()}});
    info.handling = Handling::absent;
    return info;
}

std::vector<ResourceInfo> reviews() {
    std::vector<ResourceInfo> out;
    const char* authorization = "authorization.k8s.io";
    const std::vector<AbsentRow> rows = {
        {"authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", false, {}, false},
        {authorization, "localsubjectaccessreviews", "LocalSubjectAccessReview", true, {}, false},
        {authorization, "selfsubjectaccessreviews", "SelfSubjectAccessReview", false, {}, false},
        {authorization, "selfsubjectrulesreviews", "SelfSubjectRulesReview", false, {}, false},
        {authorization, "subjectaccessreviews", "SubjectAccessReview", false, {}, false},
    };
    for (const AbsentRow& row : rows) {
        out.push_back(from_absent(row));
        out.back().handling = Handling::review;
    }
    return out;
}

}  // namespace

std::vector<ResourceInfo> built_in_resources() {
    std::vector<ResourceInfo> all;
    for (std::vector<Row> rows : {core_rows(), pod_rows(), group_rows()}) {
        for (Row& row : rows) {
            all.push_back(from_row(std::move(row)));
        }
    }
    for (AbsentRow& row : absent_rows()) {
        all.push_back(from_absent(std::move(row)));
    }
    std::ranges::move(reviews(), std::back_inserter(all));
    // Event's columns begin with its age, as users know them.
    for (ResourceInfo& info : all) {
        if (info.plural == "events") {
            info.columns.erase(info.columns.begin());
        }
    }
    return all;
}

}  // namespace millrace::kube_operator::local
