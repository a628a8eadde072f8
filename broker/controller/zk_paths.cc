#include "broker/controller/zk_paths.h"

#include <fmt/format.h>

#include <cctype>

namespace millrace::broker::controller::paths {
namespace {

// What java.net.URLEncoder leaves alone, without '*' and '+', which Kafka replaces afterwards.
bool is_plain(char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '.' ||
           letter == '-' || letter == '_';
}

int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const int lower = std::tolower(static_cast<unsigned char>(digit));
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

const std::vector<std::string>& persistent() {
    static const std::vector<std::string> nodes = {
        "/consumers",
        "/brokers",
        "/brokers/ids",
        "/brokers/topics",
        "/config",
        "/config/changes",
        "/admin",
        "/admin/delete_topics",
        "/brokers/seqid",
        "/isr_change_notification",
        "/latest_producer_id_block",
        "/log_dir_event_notification",
        "/config/topics",
        "/config/clients",
        "/config/users",
        "/config/brokers",
        "/config/ips",
    };
    return nodes;
}

std::string broker(std::int32_t broker_id) {
    return fmt::format("{}/{}", kBrokerIds, broker_id);
}

std::string topic(std::string_view topic) {
    return fmt::format("{}/{}", kTopics, topic);
}

std::string partitions(std::string_view topic) {
    return fmt::format("{}/{}/partitions", kTopics, topic);
}

std::string partition(std::string_view topic, std::int32_t partition) {
    return fmt::format("{}/{}/partitions/{}", kTopics, topic, partition);
}

std::string partition_state(std::string_view topic, std::int32_t partition) {
    return fmt::format("{}/{}/partitions/{}/state", kTopics, topic, partition);
}

std::string delete_topic(std::string_view topic) {
    return fmt::format("{}/{}", kDeleteTopics, topic);
}

std::string topic_entity(std::string_view topic) {
    return fmt::format("topics/{}", topic);
}

std::string broker_entity(std::int32_t broker_id) {
    return fmt::format("brokers/{}", broker_id);
}

std::string config(std::string_view entity) {
    return fmt::format("/config/{}", entity);
}

std::string sanitize(std::string_view name) {
    std::string text;
    for (const char letter : name) {
        if (is_plain(letter)) {
            text += letter;
        } else {
            text += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
        }
    }
    return text;
}

std::string unsanitize(std::string_view name) {
    std::string text;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const bool escaped = name[i] == '%' && i + 2 < name.size() && hex_value(name[i + 1]) >= 0 &&
                             hex_value(name[i + 2]) >= 0;
        if (escaped) {
            text += static_cast<char>(hex_value(name[i + 1]) * 16 + hex_value(name[i + 2]));
            i += 2;
        } else {
            text += name[i] == '+' ? ' ' : name[i];
        }
    }
    return text;
}

}  // namespace millrace::broker::controller::paths
