// From a request frame to its handler. The list of served APIs and the ApiVersions answer come from one table.
#pragma once

#include <memory>
#include <vector>

#include "broker/api/exchange.h"
#include "broker/api/services.h"
#include "lib/kafka/api_table.h"

namespace millrace::broker::api {

// The APIs this broker serves, ascending by key.
std::vector<kafka::ApiInfo> served_apis();

// Decodes the body and runs the handler, which answers through the exchange now or later. An API that is not served, a version
// out of range and a malformed body are refused (the connection closes, as Kafka does); ApiVersions of an unknown version is
// answered in version 0.
void dispatch(Services& services, std::shared_ptr<Exchange> exchange, wire::Reader body);

}  // namespace millrace::broker::api
