// Where the broker listens and what it tells clients, from listeners, advertised.listeners and the security protocol map.
#pragma once

#include <string>
#include <vector>

#include "broker/controller/zk_records.h"
#include "lib/base/config.h"
#include "lib/runtime/network.h"

namespace millrace::broker::server {

struct ListenerAddress {
    std::string name;
    runtime::Endpoint bind;
    runtime::Endpoint advertised;  // port 0: the one that was bound
};

struct Listeners {
    std::vector<ListenerAddress> all;
    std::string inter_broker;  // name of the listener that brokers use among themselves
};

// host_name: what to advertise where nothing else is said. Errors: invalid_argument, naming key and value.
Result<Listeners> read_listeners(const Config& config, const std::string& host_name);

// The endpoints of the broker's node in the coordinators.
std::vector<controller::Endpoint> registered_endpoints(const Listeners& listeners);

}  // namespace millrace::broker::server
