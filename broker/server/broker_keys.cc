#include "broker/server/broker_keys.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "broker/controller/topic_config.h"

namespace millrace::broker::server {
namespace {

// "_" is a dot, "__" a dash, "___" an underscore.
std::string key_of_variable(std::string_view name) {
    std::string key;
    while (!name.empty()) {
        const std::size_t run = std::min(name.find_first_not_of('_'), name.size());
        if (run > 0) {
            key.push_back(run == 1 ? '.' : run == 2 ? '-' : '_');
            name.remove_prefix(run);
        } else {
            const char letter = name.front();
            key.push_back(letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter);
            name.remove_prefix(1);
        }
    }
    return key;
}

}  // namespace

ConfigSource environment_source(const std::map<std::string, std::string>& environment) {
    static const std::set<std::string_view> kNoSettings{
        "KAFKA_OPTS",        "KAFKA_HEAP_OPTS",  "KAFKA_HOME",     "KAFKA_JVM_PERFORMANCE_OPTS",
        "KAFKA_GC_LOG_OPTS", "KAFKA_LOG4J_OPTS", "KAFKA_JMX_OPTS", "KAFKA_VERSION",
        "KAFKA_DEBUG"};
    ConfigSource source{.name = "", .entries = {}, .origin = "environment"};
    for (const auto& [name, value] : environment) {
        if (!name.starts_with("KAFKA_") || kNoSettings.contains(name)) {
            continue;
        }
        source.entries.push_back({key_of_variable(std::string_view(name).substr(6)), value, 0});
    }
    return source;
}

namespace {

// The settings of a topic in force, read as numbers. Values have passed the checks of topic_config.
class TopicSettings {
 public:
    TopicSettings(const Config& broker, const std::map<std::string, std::string>& topic) {
        std::map<std::string, std::string> set_at_broker;
        for (const auto& [name, value] : broker.values()) {
            if (value.origin != "default") {
                set_at_broker[name] = value.text;
            }
        }
        for (const controller::TopicConfigKey& key : controller::topic_config_keys()) {
            x_values[std::string(key.name)] =
                controller::topic_config_in_force(key, topic, set_at_broker);
        }
    }

    const std::string& text(const std::string& name) const { return x_values.at(name); }
    template <class Number>
    Number number(const std::string& name) const {
        Number value{};
        const std::string& digits = text(name);
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return value;
    }

 private:
    std::map<std::string, std::string> x_values;
};

// The level that goes with a codec; nothing for its default, and for codecs without levels.
std::optional<int> level_of(const TopicSettings& settings, kafka::Codec codec) {
    if (codec == kafka::Codec::none || codec == kafka::Codec::snappy) {
        return std::nullopt;
    }
    return settings.number<int>("compression." + std::string(kafka::name_of(codec)) + ".level");
}

}  // namespace

log::LogConfig log_config_of(const Config& broker,
                             const std::map<std::string, std::string>& topic) {
    const TopicSettings settings(broker, topic);
    log::LogConfig config;
    config.segment_bytes = settings.number<std::int32_t>("segment.bytes");
    config.segment_ms = settings.number<std::int64_t>("segment.ms");
    config.segment_jitter_ms = settings.number<std::int64_t>("segment.jitter.ms");
    config.segment_index_bytes = settings.number<std::int32_t>("segment.index.bytes");
    config.index_interval_bytes = settings.number<std::int32_t>("index.interval.bytes");
    config.retention_ms = settings.number<std::int64_t>("retention.ms");
    config.retention_bytes = settings.number<std::int64_t>("retention.bytes");
    config.file_delete_delay_ms = settings.number<std::int64_t>("file.delete.delay.ms");
    config.max_message_bytes = settings.number<std::int32_t>("max.message.bytes");
    config.timestamp_type = settings.text("message.timestamp.type") == "LogAppendTime"
                                ? log::TimestampType::log_append_time
                                : log::TimestampType::create_time;
    // The older limit counts for the side whose own limit is left open.
    const auto limit = [&](const std::string& name) {
        const auto own = settings.number<std::int64_t>(name);
        const auto both = settings.number<std::int64_t>("message.timestamp.difference.max.ms");
        return own == std::numeric_limits<std::int64_t>::max() ? both : own;
    };
    config.timestamp_before_max_ms = limit("message.timestamp.before.max.ms");
    config.timestamp_after_max_ms = limit("message.timestamp.after.max.ms");
    config.flush_messages = settings.number<std::int64_t>("flush.messages");
    config.flush_ms = settings.number<std::int64_t>("flush.ms");
    config.compression = kafka::codec_from_name(settings.text("compression.type"));
    if (settings.text("compression.type") == "uncompressed") {
        config.compression = kafka::Codec::none;
    }
    if (config.compression) {
        config.compression_level = level_of(settings, *config.compression);
    }
    config.down_conversion = settings.text("message.downconversion.enable") == "true";
    config.in_sync_min = settings.number<std::int32_t>("min.insync.replicas");
    const std::string& policy = settings.text("cleanup.policy");
    config.cleanup_delete = policy.find("delete") != std::string::npos;
    config.cleanup_compact = policy.find("compact") != std::string::npos;
    config.min_cleanable_dirty_ratio = settings.number<double>("min.cleanable.dirty.ratio");
    config.delete_retention_ms = settings.number<std::int64_t>("delete.retention.ms");
    config.min_compaction_lag_ms = settings.number<std::int64_t>("min.compaction.lag.ms");
    config.max_compaction_lag_ms = settings.number<std::int64_t>("max.compaction.lag.ms");
    return config;
}

group::CoordinatorConfig group_config_of(const Config& broker) {
    const auto millis = [&](std::string_view key) {
        return std::chrono::milliseconds(broker.int32(key));
    };
    group::CoordinatorConfig config;
    config.membership.session_timeout_min = millis("group.min.session.timeout.ms");
    config.membership.session_timeout_max = millis("group.max.session.timeout.ms");
    config.membership.initial_rebalance_delay = millis("group.initial.rebalance.delay.ms");
    config.membership.size_max = static_cast<std::size_t>(broker.int32("group.max.size"));
    config.offsets_topic_partitions = broker.int32("offsets.topic.num.partitions");
    config.offset_metadata_max =
        static_cast<std::size_t>(broker.int32("offset.metadata.max.bytes"));
    config.offsets_retention = std::chrono::minutes(broker.int32("offsets.retention.minutes"));
    config.retention_check_interval =
        std::chrono::milliseconds(broker.int64("offsets.retention.check.interval.ms"));
    return config;
}

}  // namespace millrace::broker::server
