#include "broker/api/handlers.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;

constexpr const char* kNoAuthorizer = "No Authorizer is configured on the broker";

}  // namespace

// A broker without an authorizer has no access control lists and takes none; it answers as Kafka does then.

void handle_describe_acls(Services&, kafka::DescribeAclsRequest,
                          Call<kafka::DescribeAclsRequest> call) {
    kafka::DescribeAclsResponse response;
    response.error_code = wire_code(ErrorCode::security_disabled);
    response.error_message = kNoAuthorizer;
    call.respond(response);
}

void handle_create_acls(Services&, kafka::CreateAclsRequest request,
                        Call<kafka::CreateAclsRequest> call) {
    kafka::CreateAclsResponse response;
    response.results.assign(request.creations.size(),
                            {wire_code(ErrorCode::security_disabled), kNoAuthorizer});
    call.respond(response);
}

void handle_delete_acls(Services&, kafka::DeleteAclsRequest request,
                        Call<kafka::DeleteAclsRequest> call) {
    kafka::DeleteAclsResponse response;
    response.filter_results.assign(request.filters.size(),
                                   {wire_code(ErrorCode::security_disabled), kNoAuthorizer, {}});
    call.respond(response);
}

}  // namespace millrace::broker::api
