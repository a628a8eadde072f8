// Keys and values of __consumer_offsets, byte for byte as Kafka 3.9 writes them: offset key v1 with value v3 (v1 when a commit
// brings its own expiry), group key v2 with value v3. All older versions and the flexible v4 values are read.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "broker/group/requests.h"
#include "lib/base/result.h"
#include "lib/kafka/group_records.h"

namespace millrace::broker::group {

struct OffsetKey {
    std::string group_id;
    TopicPartition at;

    auto operator<=>(const OffsetKey&) const = default;
};

struct GroupKey {
    std::string group_id;
};

// A key of a version that only newer coordinators write. Such records are skipped.
struct UnknownKey {
    std::int16_t version = 0;
};

using RecordKey = std::variant<OffsetKey, GroupKey, UnknownKey>;
using OffsetValue = kafka::OffsetCommitValue;  // times in milliseconds; expire_timestamp -1: none
using GroupValue = kafka::GroupMetadataValue;  // timeouts in milliseconds
using MemberValue = kafka::GroupMetadataValue::Member;

Bytes encode_offset_key(const OffsetKey& key);
Bytes encode_offset_value(const OffsetValue& value);
Bytes encode_group_key(const std::string& group_id);
Bytes encode_group_value(const GroupValue& value);

// malformed: the bytes end early. unsupported: the version of a value is not known.
Result<RecordKey> decode_key(BytesView bytes);
Result<OffsetValue> decode_offset_value(BytesView bytes);
// A member of a version 0 record gets its session timeout as its rebalance timeout.
Result<GroupValue> decode_group_value(BytesView bytes);

// The topics in a subscription of protocol type "consumer", read by the version 0 prefix that all versions share.
Result<std::vector<std::string>> decode_subscribed_topics(BytesView subscription);

}  // namespace millrace::broker::group
