#include "broker/api/api_dispatch.h"
#include "broker/api/handlers.h"

namespace millrace::broker::api {

void handle_api_versions(Services&, kafka::ApiVersionsRequest,
                         Call<kafka::ApiVersionsRequest> call) {
    kafka::ApiVersionsResponse response;
    for (const kafka::ApiInfo& api : served_apis()) {
        response.api_keys.push_back({api.key, api.min_version, api.max_version});
    }
    call.respond(response);
}

}  // namespace millrace::broker::api
