#include <algorithm>

#include "broker/api/handlers.h"
#include "broker/api/message_sets.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;

constexpr std::int8_t kReadCommitted = 1;
constexpr std::int16_t kMessageSetsBelow = 4;  // versions that carry messages of magic 0 and 1
constexpr std::int16_t kLimitsAreHardBelow = 3;

// One attempt to answer: what there is now, without waiting.
struct Attempt {
    FetchResponse response;
    std::vector<FilePiece> pieces;
    std::uint64_t bytes = 0;
    bool has_error = false;
};

// A fetch, possibly waiting for more bytes. Kept alive by its watchers and its timer.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
    Fetch(Services& services, FetchRequest request, Call<FetchRequest> call)
        : x_services(services), x_request(std::move(request)), x_call(std::move(call)) {
        x_limit = std::min<std::uint64_t>(
            static_cast<std::uint32_t>(std::max(x_request.max_bytes, 0)),
            static_cast<std::uint32_t>(services.config.in_force().int32("fetch.max.bytes")));
    }

    void start() {
        Attempt attempt = read_all();
        const auto wanted = static_cast<std::uint64_t>(std::max(x_request.min_bytes, 0));
        if (attempt.bytes >= wanted || attempt.has_error || x_request.max_wait_ms <= 0 ||
            x_partitions.empty()) {
            respond(attempt);
            return;
        }
        // The tie of a waiting fetch to itself: undone when it answers.
        x_self = shared_from_this();
        x_call.when_gone([self = weak_from_this()] {
            if (const auto fetch = self.lock()) {
                fetch->stop_waiting();
            }
        });
        for (replica::Partition* partition : x_partitions) {
            x_watchers.push_back(std::make_unique<replica::Partition::Watcher>(
                *partition, [this] { check_again(); }));
        }
        x_timer =
            x_services.loop.run_after(std::chrono::milliseconds(x_request.max_wait_ms), [this] {
                x_timer = runtime::TimerId::none;
                answer();
            });
    }

 private:
    // Several partitions may grow in one turn: look once, at its end.
    void check_again() {
        if (x_check_pending) {
            return;
        }
        x_check_pending = true;
        x_services.loop.at_turn_end([self = shared_from_this()] {
            self->x_check_pending = false;
            if (self->x_self == nullptr) {
                return;
            }
            const Attempt attempt = self->read_all();
            if (attempt.has_error ||
                attempt.bytes >= static_cast<std::uint64_t>(self->x_request.min_bytes)) {
                self->answer();
            }
        });
    }

    void stop_waiting() {
        const std::shared_ptr<Fetch> keep = std::exchange(x_self, nullptr);
        x_services.loop.cancel(x_timer);
        x_watchers.clear();
    }

    void answer() {
        const std::shared_ptr<Fetch> keep = shared_from_this();
        stop_waiting();
        Attempt attempt = read_all();
        respond(attempt);
    }

    void respond(Attempt& attempt) {
        std::vector<Bytes> converted;
        if (x_call.version() < kMessageSetsBelow) {
            converted = to_message_sets(x_services, x_request, x_call.version(), attempt.response,
                                        attempt.pieces);
        }
        x_call.respond(attempt.response, std::move(attempt.pieces));
    }

    Attempt read_all();
    void read_partition(const std::string& topic, const FetchRequest::Topic::Partition& asked,
                        Attempt& attempt, FetchResponse::Topic& answers);
    void read_records(replica::Partition& partition, const FetchRequest::Topic::Partition& asked,
                      Attempt& attempt, FetchResponse::Topic::Partition& answer);
    void fill_leader_hint(const std::string& topic, Attempt& attempt,
                          FetchResponse::Topic::Partition& answer) const;

    Services& x_services;
    FetchRequest x_request;
    Call<FetchRequest> x_call;
    std::uint64_t x_limit = 0;
    std::vector<replica::Partition*> x_partitions;  // of the last attempt; looked up anew in each
    std::vector<std::unique_ptr<replica::Partition::Watcher>> x_watchers;
    runtime::TimerId x_timer = runtime::TimerId::none;
    bool x_check_pending = false;
    std::shared_ptr<Fetch> x_self;
};

Attempt Fetch::read_all() {
    Attempt attempt;
    x_partitions.clear();
    for (const FetchRequest::Topic& topic : x_request.topics) {
        FetchResponse::Topic& answers = attempt.response.topics.emplace_back();
        answers.topic = topic.topic;
        answers.topic_id = topic.topic_id;
        const std::string* name = &topic.topic;
        if (x_call.version() >= 13) {
            name = x_services.metadata.topic_name(topic.topic_id);
        }
        for (const auto& asked : topic.partitions) {
            if (name == nullptr) {
                auto& answer = answers.partitions.emplace_back();
                answer.partition_index = asked.partition;
                answer.error_code = wire_code(ErrorCode::unknown_topic_id);
                answer.high_watermark = -1;
                attempt.has_error = true;
                continue;
            }
            read_partition(*name, asked, attempt, answers);
        }
    }
    return attempt;
}

void Fetch::read_partition(const std::string& topic, const FetchRequest::Topic::Partition& asked,
                           Attempt& attempt, FetchResponse::Topic& answers) {
    auto& answer = answers.partitions.emplace_back();
    answer.partition_index = asked.partition;
    answer.high_watermark = -1;
    answer.aborted_transactions.reset();
    const LedPartition led =
        find_led(x_services, topic, asked.partition, asked.current_leader_epoch);
    if (led.partition == nullptr) {
        answer.error_code = wire_code(led.error);
        attempt.has_error = true;
        fill_leader_hint(topic, attempt, answer);
        return;
    }
    x_partitions.push_back(led.partition);
    answer.high_watermark = led.partition->high_watermark();
    answer.last_stable_offset = led.partition->last_stable_offset();
    answer.log_start_offset = led.partition->log().log_start_offset();
    if (asked.fetch_offset < answer.log_start_offset ||
        asked.fetch_offset > led.partition->log().log_end_offset()) {
        answer.error_code = wire_code(ErrorCode::offset_out_of_range);
        answer.high_watermark = answer.last_stable_offset = answer.log_start_offset = -1;
        attempt.has_error = true;
        return;
    }
    read_records(*led.partition, asked, attempt, answer);
}

void Fetch::read_records(replica::Partition& partition, const FetchRequest::Topic::Partition& asked,
                         Attempt& attempt, FetchResponse::Topic::Partition& answer) {
    const bool committed_only = x_request.isolation_level == kReadCommitted;
    const std::uint64_t left = x_limit > attempt.bytes ? x_limit - attempt.bytes : 0;
    const auto partition_limit = static_cast<std::uint64_t>(std::max(asked.partition_max_bytes, 0));
    // Before version 3 a limit holds for every batch: one above it is cut, and the client sees that it asked for too little.
    const bool first = attempt.bytes == 0 || x_call.version() < kLimitsAreHardBelow;
    if (left == 0 && !first) {
        return;
    }
    const auto read = partition.log().read(
        {.offset = asked.fetch_offset,
         .upper_bound =
             committed_only ? partition.last_stable_offset() : partition.high_watermark(),
         .max_bytes = static_cast<std::uint32_t>(std::min(left, partition_limit)),
         .whole_batch_min = first});
    if (!read) {
        answer.error_code =
            wire_code(read.error().code == Errc::not_found ? ErrorCode::offset_out_of_range
                                                           : ErrorCode::kafka_storage_error);
        attempt.has_error = true;
        return;
    }
    if (read->size == 0) {
        return;
    }
    if (committed_only) {
        answer.aborted_transactions.emplace();
        const auto aborted =
            partition.log().aborted_transactions(asked.fetch_offset, read->end_offset);
        if (aborted) {
            for (const log::AbortedTransaction& transaction : *aborted) {
                answer.aborted_transactions->push_back(
                    {transaction.producer_id, transaction.first_offset});
            }
        }
    }
    answer.records.external_id = static_cast<std::uint32_t>(attempt.pieces.size());
    answer.records.external_size = read->size;
    attempt.pieces.push_back({read->file, read->position, read->size});
    attempt.bytes += read->size;
}

void Fetch::fill_leader_hint(const std::string& topic, Attempt& attempt,
                             FetchResponse::Topic::Partition& answer) const {
    const controller::CachedPartition* known =
        x_services.metadata.partition(topic, answer.partition_index);
    if (x_call.version() < 16 || known == nullptr ||
        answer.error_code == wire_code(ErrorCode::unknown_topic_or_partition)) {
        return;
    }
    answer.current_leader = {known->leader, known->leader_epoch};
    const auto broker = x_services.metadata.broker(known->leader, x_call.listener());
    const auto same = [&](const auto& endpoint) { return endpoint.node_id == known->leader; };
    if (broker && std::ranges::none_of(attempt.response.node_endpoints, same)) {
        attempt.response.node_endpoints.push_back(
            {broker->id, broker->host, broker->port, broker->rack});
    }
}

}  // namespace

void handle_fetch(Services& services, FetchRequest request, Call<FetchRequest> call) {
    if (request.session_id != 0 && request.session_epoch > 0) {
        // No fetch sessions are kept: the client goes back to naming all partitions (KIP-227).
        FetchResponse response;
        response.error_code = wire_code(ErrorCode::fetch_session_id_not_found);
        call.respond(response);
        return;
    }
    const std::int32_t replica =
        call.version() >= 15 ? request.replica_state.replica_id : request.replica_id;
    if (replica >= 0) {
        call.refuse(
            {Errc::unsupported, "a follower fetches here, and partitions have one replica only"});
        return;
    }
    std::make_shared<Fetch>(services, std::move(request), call)->start();
}

}  // namespace millrace::broker::api
