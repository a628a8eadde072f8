// What the broker tells operators over HTTP: its status as JSON, and its metrics under the names that Kafka dashboards use.
#pragma once

#include "broker/server/node.h"
#include "lib/runtime/admin_http.h"
#include "lib/runtime/metrics.h"

namespace millrace::broker::server {

// GET /v1/status: {"brokerId","brokerState","controllerId","clusterId","version","partitions","leaders","offlinePartitions",
// "underReplicated"}; partitions of the whole cluster as this broker's metadata show them.
void add_status_route(Node& node, runtime::AdminHttp& http);
void register_metrics(Node& node, runtime::Metrics& metrics);

}  // namespace millrace::broker::server
