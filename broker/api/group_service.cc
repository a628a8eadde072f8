#include "broker/api/group_service.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::api {

using group::Moment;
using kafka::ErrorCode;

// A log that is being read into the core, slice by slice.
struct GroupService::Load {
    std::int32_t partition = 0;
    std::int32_t leader_epoch = 0;
    std::int64_t offset = 0;
    std::int64_t end = 0;
    std::uint64_t records = 0;
};

namespace {

constexpr std::uint32_t kLoadSlice = 1 << 20;   // bytes read in one turn of the loop
constexpr std::size_t kInflatedMax = 64 << 20;  // bytes of one batch, inflated

}  // namespace

GroupService::GroupService(runtime::Loop& loop, replica::ReplicaSet& replicas,
                           const group::CoordinatorConfig& config)
    : x_loop(loop),
      x_replicas(replicas),
      x_core(config, loop.random()),
      x_alive(std::make_shared<bool>(true)) {}

GroupService::~GroupService() {
    *x_alive = false;
    x_loop.cancel(x_timer);
}

Moment GroupService::moment() const {
    return {x_loop.now(), x_loop.wall_now()};
}

group::Token GroupService::expect(Reply reply) {
    x_waiting.emplace(x_next_token, std::move(reply));
    return group::Token(x_next_token++);
}

void GroupService::perform(std::vector<group::Effect> effects) {
    for (group::Effect& effect : effects) {
        if (const auto* respond = std::get_if<group::Respond>(&effect)) {
            auto waiting = x_waiting.extract(respond->token.value());
            CHECK(!waiting.empty(), "a group request is answered twice");
            waiting.mapped()(respond->response);
        } else {
            append(std::get<group::Append>(effect));
        }
    }
    arm_timer();
}

void GroupService::append(const group::Append& append) {
    const auto report = [this, ticket = append.ticket](ErrorCode error, std::int64_t offset) {
        perform(x_core.appended(ticket, error, offset, moment()));
    };
    replica::Partition* partition = x_replicas.find(kafka::kGroupTopic, append.partition);
    // The core is told in a later turn in any case: it is in the middle of a step now.
    if (partition == nullptr || !partition->leads()) {
        x_loop.post([alive = x_alive, report] {
            if (*alive) {
                report(ErrorCode::not_leader_or_follower, -1);
            }
        });
        return;
    }
    kafka::RecordBatchBuilder builder(
        {.producer_id = kafka::ProducerId(append.producer_id),
         .producer_epoch = kafka::ProducerEpoch(append.producer_epoch),
         .transactional = append.producer_id >= 0});
    for (const group::GroupRecord& record : append.records) {
        builder.add(
            {.timestamp = append.timestamp.millis,
             .key = BytesView(record.key),
             .value = record.value ? std::optional(BytesView(*record.value)) : std::nullopt});
    }
    const Bytes batch = builder.build();
    auto offset = std::make_shared<std::int64_t>(-1);
    const log::AppendResult result =
        partition->append({.records = batch,
                           .leader_epoch = partition->leadership().leader_epoch,
                           .origin = log::AppendOrigin::coordinator},
                          [alive = x_alive, offset, report](ErrorCode error) {
                              if (*alive) {
                                  report(error, *offset);
                              }
                          });
    *offset = result.first_offset;
    if (!result.ok()) {
        x_loop.post([alive = x_alive, report, error = result.error] {
            if (*alive) {
                report(error, -1);
            }
        });
    }
}

void GroupService::lead(replica::Partition& partition) {
    const std::int32_t epoch = partition.leadership().leader_epoch;
    if (!x_core.begin_load(partition.id().partition, epoch)) {
        return;
    }
    auto load = std::make_shared<Load>(Load{.partition = partition.id().partition,
                                            .leader_epoch = epoch,
                                            .offset = partition.log().log_start_offset(),
                                            .end = partition.log().log_end_offset()});
    continue_load(std::move(load));
}

void GroupService::continue_load(std::shared_ptr<Load> load) {
    replica::Partition* partition = x_replicas.find(kafka::kGroupTopic, load->partition);
    if (partition == nullptr || !partition->leads() ||
        partition->leadership().leader_epoch != load->leader_epoch) {
        return;  // resigned meanwhile; the core has been told
    }
    const auto read = partition->log().read({.offset = load->offset,
                                             .upper_bound = load->end,
                                             .max_bytes = kLoadSlice,
                                             .whole_batch_min = true});
    if (!read) {
        log_error("group", "cannot read {}-{} at offset {}: {}; its groups stay unavailable",
                  kafka::kGroupTopic, load->partition, load->offset, read.error().message);
        return;
    }
    if (read->size == 0) {
        log_info("group", "loaded {} records of {}-{}", load->records, kafka::kGroupTopic,
                 load->partition);
        perform(x_core.finish_load(load->partition, moment()));
        return;
    }
    Bytes bytes(read->size);
    const auto got = read->file->read_at(read->position, bytes);
    if (!got || *got != bytes.size()) {
        log_error("group", "cannot read {}-{} at offset {}", kafka::kGroupTopic, load->partition,
                  load->offset);
        return;
    }
    replay(bytes, *load);
    load->offset = std::max(read->end_offset, load->offset + 1);
    x_loop.post([this, alive = x_alive, load = std::move(load)]() mutable {
        if (*alive) {
            continue_load(std::move(load));
        }
    });
}

void GroupService::replay(BytesView bytes, Load& load) {
    kafka::BatchReader batches(bytes);
    while (batches.next()) {
        const kafka::BatchView& batch = batches.batch();
        if (batch.is_control()) {
            const auto marker = kafka::read_end_transaction(batch);
            if (marker) {
                x_core.replay_marker(load.partition, marker->producer_id.value(), marker->commit);
            }
            continue;
        }
        auto records = kafka::RecordReader::open(batch, kInflatedMax);
        if (!records) {
            log_error("group", "{}-{}: unreadable batch at offset {}: {}", kafka::kGroupTopic,
                      load.partition, batch.base_offset().value(), records.error().message);
            continue;
        }
        while (records->next()) {
            const kafka::Record& record = records->record();
            if (!record.key) {
                continue;
            }
            const Status replayed =
                x_core.replay(load.partition, {.batch_offset = batch.base_offset().value(),
                                               .transactional = batch.is_transactional(),
                                               .producer_id = batch.producer_id().value(),
                                               .key = *record.key,
                                               .value = record.value});
            if (!replayed) {
                log_warning("group", "{}-{}: offset {}: {}", kafka::kGroupTopic, load.partition,
                            record.offset, replayed.error().message);
            }
            ++load.records;
        }
    }
}

void GroupService::resign(std::int32_t partition, std::optional<std::int32_t> leader_epoch) {
    perform(x_core.unload(partition, leader_epoch, moment()));
}

void GroupService::arm_timer() {
    const std::optional<Instant> deadline = x_core.next_deadline();
    if (deadline == x_timer_at) {
        return;
    }
    x_loop.cancel(x_timer);
    x_timer = runtime::TimerId::none;
    x_timer_at = deadline;
    if (deadline) {
        x_timer = x_loop.run_at(*deadline, [this] {
            x_timer_at.reset();
            perform(x_core.expire(moment()));
        });
    }
}

}  // namespace millrace::broker::api
