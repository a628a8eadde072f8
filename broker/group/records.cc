#include "broker/group/records.h"

#include "lib/kafka/versioned.h"

namespace millrace::broker::group {
namespace {

constexpr std::int16_t kOffsetKeyVersion = 1;
constexpr std::int16_t kGroupKeyVersion = 2;
constexpr std::int16_t kOffsetValueVersion = 3;
constexpr std::int16_t kOffsetValueVersionWithExpiry = 1;  // the only one that carries it
constexpr std::int16_t kGroupValueVersion = 3;

}  // namespace

Bytes encode_offset_key(const OffsetKey& key) {
    kafka::OffsetCommitKey message;
    message.group = key.group_id;
    message.topic = key.at.topic;
    message.partition = key.at.partition.value();
    return kafka::encode_versioned(message, kOffsetKeyVersion);
}

Bytes encode_offset_value(const OffsetValue& value) {
    const bool expires = value.expire_timestamp != -1;
    return kafka::encode_versioned(value,
                                   expires ? kOffsetValueVersionWithExpiry : kOffsetValueVersion);
}

Bytes encode_group_key(const std::string& group_id) {
    kafka::GroupMetadataKey message;
    message.group = group_id;
    return kafka::encode_versioned(message, kGroupKeyVersion);
}

Bytes encode_group_value(const GroupValue& value) {
    return kafka::encode_versioned(value, kGroupValueVersion);
}

Result<RecordKey> decode_key(BytesView bytes) {
    wire::Reader in(bytes);
    const std::int16_t version = in.int16();
    if (!in.ok()) {
        return fail(Errc::malformed, "a key of __consumer_offsets ends early");
    }
    if (version >= 0 && version <= kOffsetKeyVersion) {
        kafka::OffsetCommitKey key = TRY(kafka::OffsetCommitKey::decode(in, version));
        return RecordKey(
            OffsetKey{std::move(key.group),
                      TopicPartition{std::move(key.topic), kafka::PartitionId(key.partition)}});
    }
    if (version == kGroupKeyVersion) {
        kafka::GroupMetadataKey key = TRY(kafka::GroupMetadataKey::decode(in, version));
        return RecordKey(GroupKey{std::move(key.group)});
    }
    return RecordKey(UnknownKey{version});
}

Result<OffsetValue> decode_offset_value(BytesView bytes) {
    return kafka::decode_versioned<OffsetValue>(bytes);
}

Result<GroupValue> decode_group_value(BytesView bytes) {
    GroupValue value = TRY(kafka::decode_versioned<GroupValue>(bytes));
    for (MemberValue& member : value.members) {
        if (member.rebalance_timeout == -1) {
            member.rebalance_timeout = member.session_timeout;
        }
    }
    return value;
}

Result<std::vector<std::string>> decode_subscribed_topics(BytesView subscription) {
    wire::Reader in(subscription);
    (void)in.int16();
    return TRY(kafka::ConsumerProtocolSubscription::decode(in, 0)).topics;
}

}  // namespace millrace::broker::group
