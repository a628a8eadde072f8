#include "broker/api/handlers.h"

namespace millrace::broker::api {

using kafka::ErrorCode;

void handle_init_producer_id(Services& services, kafka::InitProducerIdRequest request,
                             Call<kafka::InitProducerIdRequest> call) {
    kafka::InitProducerIdResponse response;
    response.producer_epoch = -1;
    if (request.transactional_id) {
        // An empty id is a mistake in Kafka too; any other one would start a transaction, which FindCoordinator refuses alike.
        response.error_code = wire_code(request.transactional_id->empty()
                                            ? ErrorCode::invalid_request
                                            : ErrorCode::transactional_id_authorization_failed);
        call.respond(response);
        return;
    }
    services.cluster.new_producer_id([call](ErrorCode error, std::int64_t producer_id) {
        kafka::InitProducerIdResponse answer;
        answer.error_code = wire_code(error);
        answer.producer_id = error == ErrorCode::none ? producer_id : -1;
        answer.producer_epoch = error == ErrorCode::none ? std::int16_t{0} : std::int16_t{-1};
        call.respond(answer);
    });
}

void handle_allocate_producer_ids(Services& services, kafka::AllocateProducerIdsRequest request,
                                  Call<kafka::AllocateProducerIdsRequest> call) {
    services.cluster.allocate_producer_ids(
        request,
        [call](const kafka::AllocateProducerIdsResponse& response) { call.respond(response); });
}

}  // namespace millrace::broker::api
