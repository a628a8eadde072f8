#include "broker/log/checkpoints.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "lib/base/log.h"
#include "lib/base/properties.h"

namespace millrace::broker::log {

namespace {

std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    std::size_t from = 0;
    while (from < line.size()) {
        const std::size_t blank = line.find_first_of(" \t\r", from);
        const std::size_t to = blank == std::string_view::npos ? line.size() : blank;
        if (to > from) {
            words.emplace_back(line.substr(from, to - from));
        }
        from = to + 1;
    }
    return words;
}

}  // namespace

std::optional<std::int64_t> parse_decimal(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

Result<std::vector<std::vector<std::string>>> checkpoint_lines(std::string_view text,
                                                               std::size_t words) {
    std::vector<std::vector<std::string>> lines;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        std::vector<std::string> line = words_of(text.substr(from, end - from));
        if (!line.empty()) {
            lines.push_back(std::move(line));
        }
        from = end + 1;
    }
    if (lines.empty()) {
        return lines;
    }
    if (lines.size() < 2 || lines[0] != std::vector<std::string>{"0"} || lines[1].size() != 1 ||
        parse_decimal(lines[1][0]) != static_cast<std::int64_t>(lines.size() - 2)) {
        return fail(Errc::malformed, "a checkpoint without a right version and count");
    }
    lines.erase(lines.begin(), lines.begin() + 2);
    for (const auto& line : lines) {
        if (line.size() != words) {
            return fail(Errc::malformed, "a checkpoint line with a wrong number of words");
        }
    }
    return lines;
}

std::string encode_offset_checkpoint(const OffsetCheckpoint& offsets) {
    std::string text = fmt::format("0\n{}\n", offsets.size());
    for (const auto& [partition, offset] : offsets) {
        text += fmt::format("{} {} {}\n", partition.topic, partition.partition, offset);
    }
    return text;
}

Result<OffsetCheckpoint> decode_offset_checkpoint(std::string_view text) {
    OffsetCheckpoint offsets;
    for (const std::vector<std::string>& line : TRY(checkpoint_lines(text, 3))) {
        const auto partition = parse_decimal(line[1]);
        const auto offset = parse_decimal(line[2]);
        if (!partition || !offset || *partition < 0 ||
            *partition > std::numeric_limits<std::int32_t>::max()) {
            return fail(Errc::malformed, "a checkpoint line that is not: topic partition offset");
        }
        offsets[{line[0], static_cast<std::int32_t>(*partition)}] = *offset;
    }
    return offsets;
}

OffsetCheckpoint read_offset_checkpoint(runtime::FileSystem& files, const std::string& path) {
    const auto bytes = files.read_file(path, kCheckpointBytesMax);
    if (!bytes) {
        if (bytes.error().code != Errc::not_found) {
            log_warning("log", "{}: {}; taken as empty", path, bytes.error().to_string());
        }
        return {};
    }
    auto offsets = decode_offset_checkpoint(as_text(*bytes));
    if (!offsets) {
        log_warning("log", "{}: {}; taken as empty", path, offsets.error().to_string());
        return {};
    }
    return std::move(*offsets);
}

std::string encode_partition_metadata(const kafka::Uuid& topic_id) {
    return fmt::format("version: 0\ntopic_id: {}", topic_id.to_string());
}

Result<kafka::Uuid> decode_partition_metadata(std::string_view text) {
    const std::vector<std::string> words = words_of([&] {
        std::string flat(text);
        std::ranges::replace(flat, '\n', ' ');
        return flat;
    }());
    if (words.size() != 4 || words[0] != "version:" || words[1] != "0" || words[2] != "topic_id:") {
        return fail(Errc::malformed, "partition.metadata does not follow its format");
    }
    return kafka::Uuid::parse(words[3]);
}

std::string encode_meta_properties(const MetaProperties& meta) {
    std::string text = "#\n";
    if (meta.broker_id) {
        text += fmt::format("broker.id={}\n", *meta.broker_id);
    }
    if (meta.directory_id) {
        text += fmt::format("directory.id={}\n", *meta.directory_id);
    }
    text += "version=0\n";
    if (meta.cluster_id) {
        text += fmt::format("cluster.id={}\n", *meta.cluster_id);
    }
    return text;
}

Result<MetaProperties> decode_meta_properties(std::string_view text) {
    MetaProperties meta;
    for (const Property& property : TRY(parse_properties(text))) {
        if (property.key == "broker.id") {
            const auto id = parse_decimal(property.value);
            if (!id || *id < 0 || *id > std::numeric_limits<std::int32_t>::max()) {
                return fail(Errc::malformed, "meta.properties: broker.id is no id");
            }
            meta.broker_id = static_cast<std::int32_t>(*id);
        } else if (property.key == "cluster.id") {
            meta.cluster_id = property.value;
        } else if (property.key == "directory.id") {
            meta.directory_id = property.value;
        } else if (property.key == "version" && property.value != "0") {
            return fail(Errc::unsupported,
                        fmt::format("meta.properties of version {}; a broker that uses ZooKeeper "
                                    "needs version 0",
                                    property.value));
        }
    }
    return meta;
}

std::string clean_shutdown_text() {
    return R"({"version":0,"brokerEpoch":-1})";
}

}  // namespace millrace::broker::log
