#include "cli/line_format.h"

#include <fmt/format.h>

#include <map>

namespace millrace::cli {
namespace {

// One line being taken apart from its front.
class LineParser {
 public:
    LineParser(const LineFormat& format, std::string_view line, std::uint64_t number)
        : x_format(format), x_rest(line), x_number(number) {}

    Result<Message> run() {
        Message message;
        if (x_format.parse_headers) {
            const auto headers = TRY(take_until(x_format.headers_delimiter, "headers delimiter"));
            if (headers && headers != x_format.null_marker) {
                message.headers = TRY(split_headers(*headers));
            }
        }
        if (x_format.parse_key) {
            const auto key = TRY(take_until(x_format.key_separator, "key separator"));
            if (key) {
                message.key = with_null(*key);
            }
        }
        message.value = with_null(x_rest);
        return message;
    }

 private:
    std::optional<BytesView> with_null(std::string_view text) const {
        if (x_format.null_marker && text == *x_format.null_marker) {
            return std::nullopt;
        }
        return as_bytes(text);
    }

    // What stands before the separator, which is taken too; nothing when it is missing and that is no error.
    Result<std::optional<std::string_view>> take_until(std::string_view separator,
                                                       std::string_view what) {
        const std::size_t at = x_rest.find(separator);
        if (at == std::string_view::npos) {
            if (x_format.ignore_error) {
                return std::optional<std::string_view>{};
            }
            return fail(Errc::malformed,
                        fmt::format("No {} found on line number {}: '{}'", what, x_number, x_rest));
        }
        const std::string_view part = x_rest.substr(0, at);
        x_rest.remove_prefix(at + separator.size());
        return std::optional(part);
    }

    Result<std::vector<kafka::RecordHeader>> split_headers(std::string_view text) const {
        std::vector<kafka::RecordHeader> headers;
        for (bool more = true; more;) {
            const std::size_t end = text.find(x_format.headers_separator);
            more = end != std::string_view::npos;
            const std::string_view pair = text.substr(0, end);
            text.remove_prefix(more ? end + x_format.headers_separator.size() : text.size());
            headers.push_back(TRY(split_header(pair)));
        }
        return headers;
    }

    Result<kafka::RecordHeader> split_header(std::string_view pair) const {
        const std::size_t at = pair.find(x_format.header_key_separator);
        if (at != std::string_view::npos) {
            return kafka::RecordHeader{
                .key = pair.substr(0, at),
                .value = with_null(pair.substr(at + x_format.header_key_separator.size()))};
        }
        if (x_format.ignore_error) {
            return kafka::RecordHeader{.key = pair, .value = std::nullopt};
        }
        return fail(Errc::malformed,
                    fmt::format("No header key separator found in pair '{}' on line number {}",
                                pair, x_number));
    }

    const LineFormat& x_format;
    std::string_view x_rest;
    std::uint64_t x_number;
};

}  // namespace

Status set_property(LineFormat& format, std::string_view name, std::string_view value) {
    const std::map<std::string_view, bool*> flags{
        {"parse.key", &format.parse_key},
        {"parse.headers", &format.parse_headers},
        {"ignore.error", &format.ignore_error},
    };
    const std::map<std::string_view, std::string*> texts{
        {"key.separator", &format.key_separator},
        {"headers.delimiter", &format.headers_delimiter},
        {"headers.separator", &format.headers_separator},
        {"headers.key.separator", &format.header_key_separator},
    };
    if (const auto flag = flags.find(name); flag != flags.end()) {
        *flag->second = value == "true";
        return {};
    }
    if (const auto text = texts.find(name); text != texts.end()) {
        *text->second = value;
        return {};
    }
    if (name == "null.marker") {
        format.null_marker = value;
        return {};
    }
    return fail(Errc::unsupported,
                fmt::format("--property {}: known are parse.key, parse.headers, ignore.error, "
                            "key.separator, headers.delimiter, headers.separator, "
                            "headers.key.separator and null.marker",
                            name));
}

Status check(const LineFormat& format) {
    for (const std::string* separator : {&format.key_separator, &format.headers_delimiter,
                                         &format.headers_separator, &format.header_key_separator}) {
        if (separator->empty()) {
            return fail(Errc::invalid_argument, "--property: a separator must not be empty");
        }
    }
    const bool clear = format.headers_delimiter != format.headers_separator &&
                       format.headers_delimiter != format.header_key_separator &&
                       format.headers_separator != format.header_key_separator;
    if (format.parse_headers && !clear) {
        return fail(Errc::invalid_argument,
                    "--property: headers.delimiter, headers.separator and headers.key.separator "
                    "must differ");
    }
    return {};
}

Result<Message> message_of(const LineFormat& format, std::string_view line, std::uint64_t number) {
    return LineParser(format, line, number).run();
}

}  // namespace millrace::cli
