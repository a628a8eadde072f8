// Answers to Fetch before version 4, which carries messages of magic 0 (versions 0 and 1) and 1 (versions 2 and 3).
#pragma once

#include <cstdint>
#include <vector>

#include "broker/api/exchange.h"
#include "broker/api/services.h"

namespace millrace::broker::api {

// Puts message sets in the place of the stretches of files that the answer names, and empties pieces. What it returns holds
// the bytes and outlives the sending. A partition whose records cannot be converted gets an error instead:
// unsupported_version where message.downconversion.enable is false, unsupported_compression_type for zstd. The partitions
// of the answer stand in the order of the request.
std::vector<Bytes> to_message_sets(Services& services, const kafka::FetchRequest& request,
                                   std::int16_t version, kafka::FetchResponse& response,
                                   std::vector<FilePiece>& pieces);

}  // namespace millrace::broker::api
