// The calls of ZooKeeper's AdminServer below /commands, as JSON.
#pragma once

#include <string>

#include "lib/runtime/admin_http.h"

namespace millrace::coordinator::server {

class Node;

// Before the server is started. The node must outlive it.
void add_admin_routes(Node& node, runtime::AdminHttp& http);

}  // namespace millrace::coordinator::server
