// Idempotent and transactional producers (KIP-98, KIP-360).
#include "broker/log/producer_state.h"

#include <limits>

using namespace millrace;
using namespace millrace::broker::log;
using kafka::ErrorCode;

namespace {

BatchHeader batch(std::int64_t offset, std::int32_t sequence, int records = 1,
                  std::int16_t epoch = 0) {
    BatchHeader header;
    header.base_offset = offset;
    header.last_offset_delta = records - 1;
    header.record_count = records;
    header.producer_id = 7;
    header.producer_epoch = epoch;
    header.base_sequence = sequence;
    header.max_timestamp = 1000 + offset;
    return header;
}

BatchHeader in_transaction(BatchHeader header) {
    header.attributes |= kTransactionalBit;
    return header;
}

BatchHeader marker_at(std::int64_t offset, std::int16_t epoch = 0) {
    BatchHeader header = in_transaction(batch(offset, -1, 1, epoch));
    header.attributes |= kControlBit;
    return header;
}

ErrorCode verdict(const ProducerState& state, const BatchHeader& header) {
    return state.check(header, std::nullopt).error;
}

}  // namespace

TEST_CASE("A producer that is not known may begin at any sequence") {
    ProducerState state;
    REQUIRE(verdict(state, batch(0, 42)) == ErrorCode::none);
}

TEST_CASE("The next sequence is taken and a gap is refused") {
    ProducerState state;
    state.apply(batch(0, 0, 3), std::nullopt);
    REQUIRE(verdict(state, batch(3, 3)) == ErrorCode::none);
    REQUIRE(verdict(state, batch(3, 4)) == ErrorCode::out_of_order_sequence_number);
}

TEST_CASE("Each of the last five batches is known again, an older one is not") {
    ProducerState state;
    for (std::int32_t i = 0; i < 6; ++i) {
        state.apply(batch(10 * i, 2 * i, 2), std::nullopt);
        state.invariants();
    }
    for (std::int32_t i = 1; i < 6; ++i) {
        const ProducerVerdict answer = state.check(batch(99, 2 * i, 2), std::nullopt);
        REQUIRE(answer.duplicate);
        REQUIRE(answer.duplicate->first_offset() == 10 * i);
        REQUIRE(answer.duplicate->last_offset == 10 * i + 1);
    }
    REQUIRE(verdict(state, batch(99, 0, 2)) == ErrorCode::out_of_order_sequence_number);
}

TEST_CASE("Where a damaged log repeats offsets the later batch counts") {
    ProducerState state;
    for (const std::int64_t offset : {0, 1, 5, 1}) {
        state.apply(batch(offset, static_cast<std::int32_t>(offset)), std::nullopt);
    }
    state.invariants();
    REQUIRE(state.producers().at(7).last_sequence() == 1);
    REQUIRE(state.producers().at(7).batches.size() == 2);
}

TEST_CASE("Sequences go on at zero behind the largest one") {
    constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();
    ProducerState state;
    state.apply(batch(0, kLast - 1, 2), std::nullopt);
    REQUIRE(verdict(state, batch(2, 0)) == ErrorCode::none);
    state.apply(batch(2, 0, 2), std::nullopt);
    const BatchHeader across = batch(9, kLast, 2);
    REQUIRE(across.last_sequence() == 0);
}

TEST_CASE("An epoch below the last one is refused, one above begins at sequence zero") {
    ProducerState state;
    state.apply(batch(0, 0, 1, 3), std::nullopt);
    REQUIRE(verdict(state, batch(1, 1, 1, 2)) == ErrorCode::invalid_producer_epoch);
    REQUIRE(verdict(state, batch(1, 1, 1, 4)) == ErrorCode::out_of_order_sequence_number);
    REQUIRE(verdict(state, batch(1, 0, 1, 4)) == ErrorCode::none);
}

TEST_CASE("An open transaction holds the stable offset till its marker is replicated") {
    ProducerState state;
    state.apply(in_transaction(batch(5, 0)), std::nullopt);
    REQUIRE(state.first_unstable_offset() == 5);
    const auto ended = state.apply(marker_at(6), TransactionMarker{false, 0});
    REQUIRE(ended);
    REQUIRE(ended->aborted);
    REQUIRE(ended->first_offset == 5);
    REQUIRE(state.stable_offset_after(*ended) == 7);
    REQUIRE(state.first_unstable_offset() == 5);
    state.on_high_watermark(6);
    REQUIRE(state.first_unstable_offset() == 5);
    state.on_high_watermark(7);
    REQUIRE_FALSE(state.first_unstable_offset());
    state.invariants();
}

TEST_CASE("A marker without a transaction ends nothing") {
    ProducerState state;
    REQUIRE_FALSE(state.apply(marker_at(0), TransactionMarker{true, 0}));
    state.invariants();
}

TEST_CASE("A marker of an older coordinator is fenced") {
    ProducerState state;
    state.apply(marker_at(0), TransactionMarker{true, 4});
    const auto answer = state.check(marker_at(1), TransactionMarker{true, 3});
    REQUIRE(answer.error == ErrorCode::transaction_coordinator_fenced);
}

TEST_CASE("A write outside of the open transaction is refused") {
    ProducerState state;
    state.apply(in_transaction(batch(0, 0)), std::nullopt);
    REQUIRE(verdict(state, batch(1, 1)) == ErrorCode::invalid_txn_state);
}

TEST_CASE("Silent producers expire unless their transaction is open") {
    ProducerState state;
    state.apply(batch(0, 0), std::nullopt);
    state.expire(1500, 1000);
    REQUIRE(state.producers().size() == 1);
    state.apply(in_transaction(batch(1, 1)), std::nullopt);
    state.expire(9000, 1000);
    REQUIRE(state.producers().size() == 1);
    state.apply(marker_at(2), TransactionMarker{true, 0});
    state.expire(9000, 1000);
    REQUIRE(state.producers().empty());
    state.invariants();
}
