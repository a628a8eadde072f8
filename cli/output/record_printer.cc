#include "cli/output/record_printer.h"

#include <fmt/format.h>

namespace millrace::cli {
namespace {

std::string_view text_of(const RecordFormat& format, const std::optional<BytesView>& bytes) {
    return bytes ? as_text(*bytes) : std::string_view(format.null_literal);
}

void append_headers(std::string& out, const RecordFormat& format, const kafka::Record& record) {
    if (record.headers.empty()) {
        out += "NO_HEADERS";
        return;
    }
    bool first = true;
    for (const kafka::RecordHeader& header : record.headers) {
        if (!first) {
            out += format.headers_separator;
        }
        first = false;
        out += header.key;
        out += ':';
        out += text_of(format, header.value);
    }
}

void append_timestamp(std::string& out, kafka::TimestampType type, std::int64_t timestamp) {
    if (timestamp < 0) {
        out += "NO_TIMESTAMP";
        return;
    }
    const bool created = type == kafka::TimestampType::create_time;
    fmt::format_to(std::back_inserter(out), "{}:{}", created ? "CreateTime" : "LogAppendTime",
                   timestamp);
}

Result<FieldType> type_of_deserializer(std::string_view name) {
    constexpr std::string_view kPackage = "org.apache.kafka.common.serialization.";
    const std::map<std::string_view, FieldType> types{
        {"StringDeserializer", FieldType::text},
        {"ShortDeserializer", FieldType::int16},
        {"IntegerDeserializer", FieldType::int32},
        {"LongDeserializer", FieldType::int64},
    };
    const auto found =
        name.starts_with(kPackage) ? types.find(name.substr(kPackage.size())) : types.end();
    if (found == types.end()) {
        return fail(Errc::unsupported,
                    fmt::format("deserializer {}: classes cannot be loaded; there are Kafka's for "
                                "String, Short, Integer and Long",
                                name));
    }
    return found->second;
}

template <class T>
Status append_number(std::string& out, BytesView bytes) {
    if (bytes.size() != sizeof(T)) {
        return fail(Errc::malformed, fmt::format("a number of {} bytes, not {}: it was not written "
                                                 "for this deserializer",
                                                 bytes.size(), sizeof(T)));
    }
    std::uint64_t number = 0;
    for (const auto byte : bytes) {
        number = number << 8 | std::to_integer<std::uint64_t>(byte);
    }
    out += std::to_string(static_cast<T>(number));
    return {};
}

Status append_field(std::string& out, const RecordFormat& format, FieldType type,
                    const std::optional<BytesView>& bytes) {
    if (!bytes || type == FieldType::text) {
        out += text_of(format, bytes);
        return {};
    }
    switch (type) {
        case FieldType::text:
            break;
        case FieldType::int16:
            return append_number<std::int16_t>(out, *bytes);
        case FieldType::int32:
            return append_number<std::int32_t>(out, *bytes);
        case FieldType::int64:
            return append_number<std::int64_t>(out, *bytes);
    }
    return {};
}

}  // namespace

Status set_property(RecordFormat& format, std::string_view name, std::string_view value) {
    const std::map<std::string_view, bool*> flags{
        {"print.timestamp", &format.timestamp},
        {"print.partition", &format.partition},
        {"print.offset", &format.offset},
        {"print.headers", &format.headers},
        {"print.key", &format.key},
        {"print.value", &format.value},
    };
    const std::map<std::string_view, std::string*> texts{
        {"key.separator", &format.key_separator},
        {"line.separator", &format.line_separator},
        {"headers.separator", &format.headers_separator},
        {"null.literal", &format.null_literal},
    };
    if (const auto flag = flags.find(name); flag != flags.end()) {
        *flag->second = value == "true";
        return {};
    }
    if (const auto text = texts.find(name); text != texts.end()) {
        *text->second = value;
        return {};
    }
    if (name == "key.deserializer" || name == "value.deserializer") {
        (name == "key.deserializer" ? format.key_type : format.value_type) =
            TRY(type_of_deserializer(value));
        return {};
    }
    return fail(Errc::unsupported,
                fmt::format("--property {}: known are print.timestamp, print.partition, "
                            "print.offset, print.headers, print.key, print.value, key.separator, "
                            "line.separator, headers.separator, null.literal, key.deserializer "
                            "and value.deserializer",
                            name));
}

Status append_record(std::string& out, const RecordFormat& format, std::int32_t partition,
                     kafka::TimestampType timestamp_type, const kafka::Record& record) {
    bool first = true;
    const auto begin_column = [&](bool shown) {
        if (shown && !first) {
            out += format.key_separator;
        }
        first = first && !shown;
        return shown;
    };
    if (begin_column(format.timestamp)) {
        append_timestamp(out, timestamp_type, record.timestamp);
    }
    if (begin_column(format.partition)) {
        fmt::format_to(std::back_inserter(out), "Partition:{}", partition);
    }
    if (begin_column(format.offset)) {
        fmt::format_to(std::back_inserter(out), "Offset:{}", record.offset);
    }
    if (begin_column(format.headers)) {
        append_headers(out, format, record);
    }
    if (begin_column(format.key)) {
        TRY(append_field(out, format, format.key_type, record.key));
    }
    if (begin_column(format.value)) {
        TRY(append_field(out, format, format.value_type, record.value));
    }
    if (!first) {
        out += format.line_separator;
    }
    return {};
}

}  // namespace millrace::cli
