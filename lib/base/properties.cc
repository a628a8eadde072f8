#include "lib/base/properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace millrace {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\f';
}

std::string_view without_leading_blanks(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    return text;
}

void append_utf8(std::string& out, std::uint32_t code) {
    if (code < 0x80) {
        out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
        out.push_back(static_cast<char>(0xc0 | (code >> 6)));
        out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        out.push_back(static_cast<char>(0xe0 | (code >> 12)));
        out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
        out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else {
        out.push_back(static_cast<char>(0xf0 | (code >> 18)));
        out.push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3f)));
        out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
        out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
}

// The four digits behind "\u"; nothing when they are not four hexadecimal digits.
std::optional<std::uint32_t> code_unit(std::string_view digits) {
    std::uint32_t unit = 0;
    const char* const begin = digits.data();
    const char* const end = begin + digits.size();
    const auto [at, error] = std::from_chars(begin, end, unit, 16);
    return digits.size() == 4 && error == std::errc() && at == end ? std::optional(unit)
                                                                   : std::nullopt;
}

bool is_high_surrogate(std::uint32_t unit) {
    return unit >= 0xd800 && unit < 0xdc00;
}

bool is_low_surrogate(std::uint32_t unit) {
    return unit >= 0xdc00 && unit < 0xe000;
}

// A logical line: physical lines joined at trailing backslashes, escapes still in place.
struct LogicalLine {
    std::string text;
    int number = 0;
};

// Hands out logical lines; blank lines and comments are skipped.
class LineReader {
 public:
    explicit LineReader(std::string_view text) : x_rest(text) {}

    bool next(LogicalLine& line) {
        std::string_view physical;
        while (take_physical(physical)) {
            physical = without_leading_blanks(physical);
            if (physical.empty() || physical.front() == '#' || physical.front() == '!') {
                continue;
            }
            line = {std::string(physical), x_number};
            // What was joined so far ends in an even number of backslashes, so the piece at hand alone decides.
            while (ends_in_continuation(physical)) {
                line.text.pop_back();
                if (!take_physical(physical)) {
                    break;
                }
                physical = without_leading_blanks(physical);
                line.text += physical;
            }
            return true;
        }
        return false;
    }

 private:
    static bool ends_in_continuation(std::string_view text) {
        std::size_t backslashes = 0;
        while (backslashes < text.size() && text[text.size() - 1 - backslashes] == '\\') {
            ++backslashes;
        }
        return backslashes % 2 == 1;
    }

    bool take_physical(std::string_view& line) {
        if (x_rest.empty()) {
            return false;
        }
        ++x_number;
        const std::size_t end = x_rest.find_first_of("\r\n");
        line = x_rest.substr(0, end);
        if (end == std::string_view::npos) {
            x_rest = {};
            return true;
        }
        const bool crlf = x_rest.substr(end, 2) == "\r\n";
        x_rest.remove_prefix(end + (crlf ? 2 : 1));
        return true;
    }

    std::string_view x_rest;
    int x_number = 0;
};

// Appends the character whose digits stand behind "\u" at the start of rest. Characters beyond 16 bits are written as two units;
// half of one becomes "?", as in Java. Returns how many bytes of rest it took; 0 when there are not four digits.
std::size_t append_escaped(std::string& out, std::string_view rest) {
    constexpr std::size_t kDigits = 4;
    constexpr std::size_t kPair = 10;  // both units and what stands between them
    const std::optional<std::uint32_t> unit = code_unit(rest.substr(0, kDigits));
    if (!unit) {
        return 0;
    }
    const std::string_view behind = rest.substr(kDigits);
    const std::optional<std::uint32_t> low = is_high_surrogate(*unit) && behind.starts_with("\\u")
                                                 ? code_unit(behind.substr(2, kDigits))
                                                 : std::nullopt;
    if (low && is_low_surrogate(*low)) {
        append_utf8(out, 0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00));
        return kPair;
    }
    const bool is_half = is_high_surrogate(*unit) || is_low_surrogate(*unit);
    append_utf8(out, is_half ? '?' : *unit);
    return kDigits;
}

Result<std::string> unescape(std::string_view text, int line) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            if (text[i] != '\\') {
                out.push_back(text[i]);
            }
            continue;
        }
        const char c = text[++i];
        switch (c) {
            case 't':
                out.push_back('\t');
                break;
            case 'n':
                out.push_back('\n');
                break;
            case 'r':
                out.push_back('\r');
                break;
            case 'f':
                out.push_back('\f');
                break;
            case 'u': {
                const std::size_t taken = append_escaped(out, text.substr(i + 1));
                if (taken == 0) {
                    return fail(Errc::malformed,
                                fmt::format("line {}: \\u needs four hexadecimal digits", line));
                }
                i += taken;
                break;
            }
            default:
                out.push_back(c);
        }
    }
    return out;
}

// Where the key of a logical line ends: the first separator that no backslash protects.
std::size_t key_length(std::string_view line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\') {
            ++i;
        } else if (line[i] == '=' || line[i] == ':' || is_blank(line[i])) {
            return i;
        }
    }
    return line.size();
}

}  // namespace

Result<std::vector<Property>> parse_properties(std::string_view text) {
    if (text.size() > kPropertiesBytesMax) {
        return fail(Errc::too_large,
                    fmt::format("line 1: the file has {} bytes; at most {} are allowed",
                                text.size(), kPropertiesBytesMax));
    }
    std::vector<Property> entries;
    std::map<std::string, std::size_t, std::less<>> places;  // by key
    LineReader lines(text);
    LogicalLine line;
    while (lines.next(line)) {
        const std::string_view whole = line.text;
        const std::size_t key_end = key_length(whole);
        std::string_view rest = without_leading_blanks(whole.substr(key_end));
        if (!rest.empty() && (rest.front() == '=' || rest.front() == ':')) {
            rest = without_leading_blanks(rest.substr(1));
        }
        std::string key = TRY(unescape(whole.substr(0, key_end), line.number));
        std::string value = TRY(unescape(rest, line.number));
        const auto [same, fresh] = places.try_emplace(key, entries.size());
        if (fresh) {
            entries.push_back({std::move(key), std::move(value), line.number});
        } else {
            entries[same->second] = {std::move(key), std::move(value), line.number};
        }
    }
    return entries;
}

}  // namespace millrace
