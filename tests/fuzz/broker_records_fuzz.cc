// What a broker reads of its internal topic and of ZooKeeper. The first byte chooses: records of __consumer_offsets (pieces: key,
// then value), a subscription, a JSON node (a second byte says of which kind), a setting of a topic ("name=value"), a name
// in a path.
#include "broker/controller/topic_config.h"
#include "broker/controller/zk_paths.h"
#include "broker/controller/zk_records.h"
#include "broker/group/coordinator.h"
#include "broker/group/records.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"

namespace millrace::broker {
namespace {

void check_key(BytesView bytes) {
    const auto key = group::decode_key(bytes);
    if (!key) {
        return;
    }
    if (const auto* offset = std::get_if<group::OffsetKey>(&*key)) {
        const auto copy = group::decode_key(group::encode_offset_key(*offset));
        CHECK(copy && std::get<group::OffsetKey>(*copy) == *offset);
    }
    if (const auto* named = std::get_if<group::GroupKey>(&*key)) {
        const auto copy = group::decode_key(group::encode_group_key(named->group_id));
        CHECK(copy && std::get<group::GroupKey>(*copy).group_id == named->group_id);
    }
}

void check_value(BytesView bytes) {
    const fuzz::MemoryMeter meter;
    const auto value = group::decode_group_value(bytes);
    // A member of 20 bytes is a struct of some hundred.
    meter.check(bytes.size(), 64);
    if (value) {
        const auto copy = group::decode_group_value(group::encode_group_value(*value));
        CHECK(copy && copy->members.size() == value->members.size());
    }
    const auto offset = group::decode_offset_value(bytes);
    if (offset) {
        const auto copy = group::decode_offset_value(group::encode_offset_value(*offset));
        CHECK(copy && copy->offset == offset->offset && copy->metadata == offset->metadata);
    }
}

// A log of any records is loaded to its end, and the groups in it serve.
void check_group_log(fuzz::Input& input) {
    Random random(1);
    group::Coordinator coordinator(group::CoordinatorConfig{}, random);
    const group::Moment at{Instant{}, WallTime{1'700'000'000'000}};
    CHECK(coordinator.begin_load(0, 1));
    std::int64_t offset = 0;
    while (!input.empty()) {
        const std::uint8_t flags = input.byte();
        const BytesView key = input.piece();
        const BytesView value = input.piece();
        check_key(key);
        check_value(value);
        group::LoadedRecord record{.batch_offset = offset++, .key = key, .value = value};
        record.transactional = (flags & 1) != 0;
        record.producer_id = record.transactional ? 5 : -1;
        if ((flags & 2) != 0) {
            record.value = std::nullopt;
        }
        (void)coordinator.replay(0, record);
        if ((flags & 4) != 0) {
            coordinator.replay_marker(0, 5, (flags & 8) != 0);
        }
    }
    (void)coordinator.finish_load(0, at);
    CHECK(!coordinator.invariants());
    for (const auto& one : coordinator.list({}, {}).groups) {
        (void)coordinator.describe(one.group_id);
    }
    (void)coordinator.expire(
        {Instant{} + std::chrono::hours(24 * 30), WallTime{1'800'000'000'000}});
    CHECK(!coordinator.invariants());
}

template <class Record>
void check_fixed_point(const Result<Record>& record, Result<Record> (*decode)(BytesView)) {
    if (record) {
        CHECK(fuzz::holds(decode(controller::encode(*record)), *record));
    }
}

void check_node(fuzz::Input& input) {
    using namespace controller;
    const std::size_t kind = input.choice(12);
    const BytesView json = input.rest();
    if (kind == 0) {
        check_fixed_point(decode_broker(json), decode_broker);
    } else if (kind == 1) {
        check_fixed_point(decode_controller(json), decode_controller);
    } else if (kind == 2) {
        const auto epoch = decode_controller_epoch(json);
        CHECK(!epoch ||
              fuzz::holds(decode_controller_epoch(encode_controller_epoch(*epoch)), *epoch));
    } else if (kind == 3) {
        check_fixed_point(decode_topic(json), decode_topic);
    } else if (kind == 4) {
        const auto state = decode_partition_state(json, 3);
        CHECK(!state || fuzz::holds(decode_partition_state(encode(*state), 3), *state));
    } else if (kind == 5) {
        (void)decode_cluster_id(json);
    } else if (kind == 6) {
        const auto config = decode_config(json);
        CHECK(!config || fuzz::holds(decode_config(encode_config(*config)), *config));
    } else if (kind == 7) {
        const auto path = decode_config_change(json);
        CHECK(!path || fuzz::holds(decode_config_change(encode_config_change(*path)), *path));
    } else if (kind == 8) {
        check_fixed_point(decode_producer_id_block(json), decode_producer_id_block);
    } else if (kind == 9) {
        check_fixed_point(decode_feature(json), decode_feature);
    } else if (kind == 10) {
        (void)decode_partition_list(json);
    } else {
        const auto id = decode_log_dir_event(json);
        CHECK(!id || fuzz::holds(decode_log_dir_event(encode_log_dir_event(*id)), *id));
    }
}

void check_topic_setting(std::string_view text) {
    const std::size_t equals = std::min(text.find('='), text.size());
    const std::string name(text.substr(0, equals));
    const std::string value(text.substr(std::min(equals + 1, text.size())));
    const bool passes = controller::check_topic_config(name, value).has_value();
    CHECK(!passes || controller::find_topic_config(name) != nullptr);
    if (passes) {
        CHECK(controller::topic_config_in_force(*controller::find_topic_config(name),
                                                {{name, value}}, {}) == value);
    }
    (void)controller::check_topic_configs({{name, value}, {"cleanup.policy", "compact"}});
}

void check_entity(std::string_view text) {
    const std::string name = controller::paths::sanitize(text);
    CHECK(name.find('/') == std::string::npos && controller::paths::unsanitize(name) == text);
    (void)controller::paths::unsanitize(text);
}

}  // namespace
}  // namespace millrace::broker

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::configure_log(millrace::LogLevel::error, millrace::LogFormat::text);
    millrace::fuzz::Input input(data, size);
    switch (input.choice(5)) {
        case 0:
            millrace::broker::check_group_log(input);
            break;
        case 1:
            (void)millrace::broker::group::decode_subscribed_topics(input.rest());
            break;
        case 2:
            millrace::broker::check_node(input);
            break;
        case 3:
            millrace::broker::check_topic_setting(input.text());
            break;
        default:
            millrace::broker::check_entity(input.text());
    }
    return 0;
}
