#include "broker/api/message_sets.h"

#include <algorithm>

#include "broker/api/handlers.h"
#include "lib/base/log.h"
#include "lib/kafka/message_set.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;

constexpr std::size_t kInflatedBytesMax = std::size_t{256} << 20;  // of one compressed batch
constexpr std::int16_t kTimesFrom = 2;                             // versions with magic 1

struct Conversion {
    std::int8_t magic = 1;
    std::int64_t first_offset = 0;
    std::size_t bytes_max =
        0;  // what comes out is cut there; old clients know a message that is cut short
};

Result<Bytes> convert(const FilePiece& piece, const Conversion& wanted) {
    Bytes batches(piece.size);
    const std::size_t count = TRY(piece.file->read_at(piece.position, batches));
    if (count != batches.size()) {
        return fail(Errc::malformed, "a segment is shorter than its log");
    }
    Bytes set =
        TRY(kafka::message_set_of_batches(batches, {.magic = wanted.magic,
                                                    .first_offset = wanted.first_offset,
                                                    .inflated_bytes_max = kInflatedBytesMax}));
    set.resize(std::min(set.size(), wanted.bytes_max));
    return set;
}

void refuse(FetchResponse::Topic::Partition& answer, ErrorCode error) {
    answer.error_code = wire_code(error);
    answer.high_watermark = -1;
    answer.records = {};
}

ErrorCode error_of(const Error& error) {
    return error.code == Errc::unsupported ? ErrorCode::unsupported_compression_type
                                           : ErrorCode::kafka_storage_error;
}

}  // namespace

std::vector<Bytes> to_message_sets(Services& services, const FetchRequest& request,
                                   std::int16_t version, FetchResponse& response,
                                   std::vector<FilePiece>& pieces) {
    std::vector<Bytes> converted;
    for (std::size_t i = 0; i < response.topics.size(); ++i) {
        FetchResponse::Topic& topic = response.topics[i];
        for (std::size_t j = 0; j < topic.partitions.size(); ++j) {
            FetchResponse::Topic::Partition& answer = topic.partitions[j];
            if (answer.records.external_size == 0) {
                continue;
            }
            const auto* partition = services.replicas.find(topic.topic, answer.partition_index);
            if (partition != nullptr && !partition->log().config().down_conversion) {
                refuse(answer, ErrorCode::unsupported_version);
                continue;
            }
            const auto& asked = request.topics[i].partitions[j];
            auto set = convert(pieces[answer.records.external_id],
                               {.magic = static_cast<std::int8_t>(version < kTimesFrom ? 0 : 1),
                                .first_offset = asked.fetch_offset,
                                .bytes_max = static_cast<std::size_t>(asked.partition_max_bytes)});
            if (!set) {
                log_warning("fetch", "{}-{} cannot be converted for a client of Fetch {}: {}",
                            topic.topic, answer.partition_index, version, set.error().message);
                refuse(answer, error_of(set.error()));
                continue;
            }
            converted.push_back(std::move(*set));
            answer.records = {};
            answer.records.bytes = converted.back();
        }
    }
    pieces.clear();
    return converted;
}

}  // namespace millrace::broker::api
