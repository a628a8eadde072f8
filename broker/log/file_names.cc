#include "broker/log/file_names.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "lib/base/bytes.h"

namespace millrace::broker::log {

namespace {

constexpr std::size_t kOffsetDigits = 20;
constexpr std::size_t kNameBytesMax = 255;
constexpr std::string_view kDeleteFolderSuffix = "-delete";

template <class Integer>
std::optional<Integer> parse_number(std::string_view text) {
    Integer value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
        return std::nullopt;
    }
    return value;
}

}  // namespace

std::string TopicPartition::to_string() const {
    return fmt::format("{}-{}", topic, partition);
}

std::string segment_file_name(std::int64_t base_offset, std::string_view suffix) {
    return fmt::format("{:020}{}", base_offset, suffix);
}

std::optional<SegmentFileName> parse_segment_file_name(std::string_view name) {
    if (name.size() <= kOffsetDigits || name[kOffsetDigits] != '.') {
        return std::nullopt;
    }
    const auto base = parse_number<std::int64_t>(name.substr(0, kOffsetDigits));
    if (!base) {
        return std::nullopt;
    }
    SegmentFileName found;
    found.base_offset = *base;
    std::string_view rest = name.substr(kOffsetDigits);
    for (const std::string_view state : {kDeletedSuffix, kCleanedSuffix, kSwapSuffix}) {
        if (rest.ends_with(state)) {
            found.state = state;
            rest.remove_suffix(state.size());
            break;
        }
    }
    for (const std::string_view suffix :
         {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix, kSnapshotSuffix}) {
        if (rest == suffix) {
            found.suffix = suffix;
            return found;
        }
    }
    return std::nullopt;
}

std::optional<TopicPartition> parse_partition_folder(std::string_view name) {
    const std::size_t dash = name.rfind('-');
    if (dash == std::string_view::npos || dash == 0) {
        return std::nullopt;
    }
    const auto partition = parse_number<std::int32_t>(name.substr(dash + 1));
    if (!partition) {
        return std::nullopt;
    }
    TopicPartition named{std::string(name.substr(0, dash)), *partition};
    // "t-06" is no folder of ours: that of t-6 is found by its own name.
    return named.to_string() == name ? std::optional(std::move(named)) : std::nullopt;
}

std::string deleted_folder_name(const TopicPartition& partition, const kafka::Uuid& unique) {
    const std::string tail =
        fmt::format("-{}.{}{}", partition.partition, to_hex(unique.bytes), kDeleteFolderSuffix);
    return partition.topic.substr(0, kNameBytesMax - tail.size()) + tail;
}

bool is_deleted_folder(std::string_view name) {
    return name.ends_with(kDeleteFolderSuffix) && name.find('.') != std::string_view::npos;
}

}  // namespace millrace::broker::log
