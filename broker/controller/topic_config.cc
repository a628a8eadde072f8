#include "broker/controller/topic_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace millrace::broker::controller {
namespace {

constexpr std::string_view kLongMax = "9223372036854775807";

using enum ConfigType;
using Keys = std::vector<TopicConfigKey>;

Keys make_compaction_keys() {
    return {
        {"cleanup.policy",
         list,
         "delete",
         {"log.cleanup.policy"},
         {},
         {},
         {"compact", "delete"},
         "What happens to old segments: delete them, keep the latest record of each key, or both"},
        {"delete.retention.ms",
         int64,
         "86400000",
         {"log.cleaner.delete.retention.ms"},
         0,
         {},
         {},
         "How long a compacted topic keeps tombstones"},
        {"min.cleanable.dirty.ratio",
         float64,
         "0.5",
         {"log.cleaner.min.cleanable.ratio"},
         0,
         1,
         {},
         "Share of the log that must be new before it is compacted"},
        {"min.compaction.lag.ms",
         int64,
         "0",
         {"log.cleaner.min.compaction.lag.ms"},
         0,
         {},
         {},
         "Records younger than this are not compacted"},
        {"max.compaction.lag.ms",
         int64,
         kLongMax,
         {"log.cleaner.max.compaction.lag.ms"},
         1,
         {},
         {},
         "Records older than this are due for compaction"},
    };
}

Keys make_retention_keys() {
    return {
        {"retention.ms",
         int64,
         "604800000",
         {"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
         -1,
         {},
         {},
         "Segments older than this are deleted; -1 keeps them"},
        {"retention.bytes",
         int64,
         "-1",
         {"log.retention.bytes"},
         {},
         {},
         {},
         "Size of a partition above which its oldest segments are deleted; -1 is no limit"},
        {"file.delete.delay.ms",
         int64,
         "60000",
         {"log.segment.delete.delay.ms"},
         0,
         {},
         {},
         "How long the file of a deleted segment stays"},
        {"local.retention.ms",
         int64,
         "-2",
         {"log.local.retention.ms"},
         -2,
         {},
         {},
         "Age of segments kept locally with remote storage; -2 follows retention.ms"},
        {"local.retention.bytes",
         int64,
         "-2",
         {"log.local.retention.bytes"},
         -2,
         {},
         {},
         "Size of segments kept locally with remote storage; -2 follows retention.bytes"},
    };
}

Keys make_segment_keys() {
    return {
        {"segment.bytes",
         int32,
         "1073741824",
         {"log.segment.bytes"},
         14,
         {},
         {},
         "Size at which a segment is closed and the next one begins"},
        {"segment.ms",
         int64,
         "604800000",
         {"log.roll.ms", "log.roll.hours"},
         1,
         {},
         {},
         "Age at which a segment is closed even if it is not full"},
        {"segment.jitter.ms",
         int64,
         "0",
         {"log.roll.jitter.ms", "log.roll.jitter.hours"},
         0,
         {},
         {},
         "Random time taken off segment.ms, so that not all segments roll at once"},
        {"segment.index.bytes",
         int32,
         "10485760",
         {"log.index.size.max.bytes"},
         4,
         {},
         {},
         "Size of the offset index of a segment"},
        {"index.interval.bytes",
         int32,
         "4096",
         {"log.index.interval.bytes"},
         0,
         {},
         {},
         "Bytes of log between two entries of the offset index"},
        {"flush.messages",
         int64,
         kLongMax,
         {"log.flush.interval.messages"},
         1,
         {},
         {},
         "Records after which the log is synced to disk"},
        {"flush.ms",
         int64,
         kLongMax,
         {"log.flush.interval.ms", "log.flush.scheduler.interval.ms"},
         0,
         {},
         {},
         "Time after which the log is synced to disk"},
        {"preallocate",
         boolean,
         "false",
         {"log.preallocate"},
         {},
         {},
         {},
         "Whether the file of a segment gets its full size at once"},
    };
}

Keys make_compression_keys() {
    const std::vector<std::string_view> codecs = {"uncompressed", "zstd", "lz4",
                                                  "snappy",       "gzip", "producer"};
    return {
        {"compression.type",
         string,
         "producer",
         {"compression.type"},
         {},
         {},
         codecs,
         "Codec of stored batches; producer keeps what was sent"},
        {"compression.gzip.level",
         int32,
         "-1",
         {"compression.gzip.level"},
         -1,
         9,
         {},
         "Level of gzip: 1 to 9, or -1 for its default"},
        {"compression.lz4.level", int32, "9", {"compression.lz4.level"}, 1, 17, {}, "Level of lz4"},
        {"compression.zstd.level",
         int32,
         "3",
         {"compression.zstd.level"},
         -131072,
         22,
         {},
         "Level of zstd"},
    };
}

Keys make_message_keys() {
    return {
        {"max.message.bytes",
         int32,
         "1048588",
         {"message.max.bytes"},
         0,
         {},
         {},
         "Largest batch that is accepted, as it was compressed"},
        {"message.downconversion.enable",
         boolean,
         "true",
         {"log.message.downconversion.enable"},
         {},
         {},
         {},
         "Whether batches are converted for old consumers"},
        {"message.format.version",
         string,
         "3.0-IV1",
         {"log.message.format.version"},
         {},
         {},
         {},
         "Accepted for old tools; the format of inter.broker.protocol.version 3.0 is always used"},
        {"message.timestamp.type",
         string,
         "CreateTime",
         {"log.message.timestamp.type"},
         {},
         {},
         {"CreateTime", "LogAppendTime"},
         "Whether a record carries the time it was made or the time it was appended"},
        {"message.timestamp.difference.max.ms",
         int64,
         kLongMax,
         {"log.message.timestamp.difference.max.ms"},
         0,
         {},
         {},
         "Older spelling of the two limits on timestamps"},
        {"message.timestamp.before.max.ms",
         int64,
         kLongMax,
         {"log.message.timestamp.before.max.ms"},
         0,
         {},
         {},
         "How far in the past the timestamp of a record may lie"},
        {"message.timestamp.after.max.ms",
         int64,
         kLongMax,
         {"log.message.timestamp.after.max.ms"},
         0,
         {},
         {},
         "How far in the future the timestamp of a record may lie"},
    };
}

Keys make_replication_keys() {
    return {
        {"min.insync.replicas",
         int32,
         "1",
         {"min.insync.replicas"},
         1,
         {},
         {},
         "Replicas that must be in sync for a write with acks=all"},
        {"unclean.leader.election.enable",
         boolean,
         "false",
         {"unclean.leader.election.enable"},
         {},
         {},
         {},
         "Whether a replica that is not in sync may lead when no other can"},
        {"leader.replication.throttled.replicas",
         list,
         "",
         {},
         {},
         {},
         {},
         "Replicas throttled on the leader's side: partition:broker pairs, or *"},
        {"follower.replication.throttled.replicas",
         list,
         "",
         {},
         {},
         {},
         {},
         "Replicas throttled on the follower's side: partition:broker pairs, or *"},
        {"remote.storage.enable",
         boolean,
         "false",
         {},
         {},
         {},
         {},
         "Tiered storage, which is not offered"},
        {"remote.log.copy.disable",
         boolean,
         "false",
         {},
         {},
         {},
         {},
         "Stops copying to remote storage"},
        {"remote.log.delete.on.disable",
         boolean,
         "false",
         {},
         {},
         {},
         {},
         "Whether disabling remote storage deletes what is there"},
    };
}

const Keys& keys() {
    static const Keys sorted = [] {
        Keys all = make_compaction_keys();
        for (Keys more : {make_retention_keys(), make_segment_keys(), make_compression_keys(),
                          make_message_keys(), make_replication_keys()}) {
            std::ranges::move(more, std::back_inserter(all));
        }
        std::ranges::sort(all, {}, &TopicConfigKey::name);
        return all;
    }();
    return sorted;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        parts.push_back(trimmed(text.substr(0, comma)));
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return parts;
}

template <class T>
std::optional<T> parsed(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                    : std::nullopt;
}

std::unexpected<Error> invalid(const TopicConfigKey& key, std::string_view value,
                               std::string_view why) {
    return fail(Errc::invalid_argument,
                fmt::format("Invalid value {} for configuration {}: {}", value, key.name, why));
}

Status check_range(const TopicConfigKey& key, std::string_view value, double number) {
    if (key.min && number < *key.min) {
        return invalid(key, value, fmt::format("Value must be at least {}", *key.min));
    }
    if (key.max && number > *key.max) {
        return invalid(key, value, fmt::format("Value must be no more than {}", *key.max));
    }
    return {};
}

template <class T>
Status check_number(const TopicConfigKey& key, std::string_view value, std::string_view type) {
    const std::optional<T> number = parsed<T>(value);
    if (!number) {
        return invalid(key, value, fmt::format("Not a number of type {}", type));
    }
    return check_range(key, value, static_cast<double>(*number));
}

Status check_allowed(const TopicConfigKey& key, std::string_view value) {
    if (key.allowed.empty() || std::ranges::find(key.allowed, value) != key.allowed.end()) {
        return {};
    }
    return invalid(key, value,
                   fmt::format("String must be one of: {}", fmt::join(key.allowed, ", ")));
}

bool is_throttled_replica(std::string_view text) {
    const std::size_t colon = text.find(':');
    return colon != std::string_view::npos && parsed<std::int32_t>(text.substr(0, colon)) &&
           parsed<std::int32_t>(text.substr(colon + 1));
}

Status check_list(const TopicConfigKey& key, std::string_view value) {
    const std::vector<std::string_view> parts = split(value);
    for (const std::string_view part : parts) {
        if (!key.allowed.empty()) {
            TRY(check_allowed(key, part));
        } else if (value != "*" && !is_throttled_replica(part)) {
            return invalid(key, value,
                           "must be the literal '*' or a list of partition:broker pairs");
        }
    }
    return {};
}

// "3.0", "3.0-IV1", "0.10.2-IV0".
bool is_protocol_version(std::string_view text) {
    const std::size_t dash = text.find("-IV");
    if (dash != std::string_view::npos && !parsed<std::uint16_t>(text.substr(dash + 3))) {
        return false;
    }
    std::string_view numbers = text.substr(0, dash);
    int count = 0;
    while (!numbers.empty()) {
        const std::size_t dot = numbers.find('.');
        if (!parsed<std::uint16_t>(numbers.substr(0, dot))) {
            return false;
        }
        ++count;
        numbers = dot == std::string_view::npos ? std::string_view{} : numbers.substr(dot + 1);
    }
    return count >= 2 && count <= 4;
}

// The value of a broker key in the unit of the topic key.
std::string converted(std::string_view broker_key, const std::string& value) {
    const std::int64_t factor = broker_key.ends_with(".hours")     ? 3'600'000
                                : broker_key.ends_with(".minutes") ? 60'000
                                                                   : 1;
    const std::optional<std::int64_t> number = parsed<std::int64_t>(value);
    return factor == 1 || !number || *number < 0 ? value : std::to_string(*number * factor);
}

}  // namespace

std::span<const TopicConfigKey> topic_config_keys() {
    return keys();
}

const TopicConfigKey* find_topic_config(std::string_view name) {
    const auto at = std::ranges::lower_bound(keys(), name, {}, &TopicConfigKey::name);
    return at == keys().end() || at->name != name ? nullptr : &*at;
}

Status check_topic_config(std::string_view name, std::string_view value) {
    const TopicConfigKey* key = find_topic_config(name);
    if (key == nullptr) {
        return fail(Errc::invalid_argument, fmt::format("Unknown topic config name: {}", name));
    }
    const std::string_view text = trimmed(value);
    if (name == "message.format.version" && !is_protocol_version(text)) {
        return invalid(*key, text, fmt::format("Version {} is not a valid version", text));
    }
    switch (key->type) {
        case boolean:
            if (text != "true" && text != "false") {
                return invalid(*key, text, "Expected value to be either true or false");
            }
            return {};
        case string:
            return check_allowed(*key, text);
        case int32:
            return check_number<std::int32_t>(*key, text, "INT");
        case int64:
            return check_number<std::int64_t>(*key, text, "LONG");
        case float64:
            return check_number<double>(*key, text, "DOUBLE");
        case list:
            return check_list(*key, text);
    }
    return {};
}

Status check_topic_configs(const std::map<std::string, std::string>& configs) {
    for (const auto& [name, value] : configs) {
        TRY(check_topic_config(name, value));
    }
    const auto number = [&](const std::string& name) -> std::optional<std::int64_t> {
        const auto at = configs.find(name);
        return at == configs.end() ? std::nullopt : parsed<std::int64_t>(trimmed(at->second));
    };
    const auto least = number("min.compaction.lag.ms");
    const auto most = number("max.compaction.lag.ms");
    if (least && most && *least > *most) {
        return fail(Errc::invalid_argument,
                    fmt::format("conflict topic config setting min.compaction.lag.ms ({}) > "
                                "max.compaction.lag.ms ({})",
                                *least, *most));
    }
    const auto remote = configs.find("remote.storage.enable");
    if (remote != configs.end() && trimmed(remote->second) == "true") {
        return fail(Errc::invalid_argument,
                    "Tiered Storage functionality is disabled in the broker. Topic cannot be "
                    "configured with Tiered Storage.");
    }
    return {};
}

std::string topic_config_in_force(const TopicConfigKey& key,
                                  const std::map<std::string, std::string>& topic,
                                  const std::map<std::string, std::string>& broker) {
    if (const auto own = topic.find(std::string(key.name)); own != topic.end()) {
        return own->second;
    }
    for (const std::string_view name : key.broker_keys) {
        if (const auto set = broker.find(std::string(name)); set != broker.end()) {
            return converted(name, set->second);
        }
    }
    return std::string(key.default_value);
}

}  // namespace millrace::broker::controller
