#include "lib/zk/path.h"

#include <fmt/format.h>

#include <bit>

namespace millrace::zk {
namespace {

constexpr char32_t kMalformed = 0xfffd;

// Reads one character of more than one byte. What is not UTF-8 yields U+FFFD, as Java's decoder does, which no path may hold.
char32_t read_character(std::string_view text, std::size_t& at) {
    const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte_at(at++);
    const int length = std::countl_one(lead);
    if (length < 2 || length > 4) {
        return kMalformed;
    }
    char32_t value = lead & (0x7fU >> length);
    for (int i = 1; i < length; ++i) {
        if (at == text.size() || (byte_at(at) & 0xc0) != 0x80) {
            return kMalformed;
        }
        value = (value << 6) | (byte_at(at++) & 0x3fU);
    }
    constexpr char32_t kFirst[] = {0, 0, 0x80, 0x800, 0x10000};
    return value < kFirst[length] ? kMalformed : value;
}

bool is_allowed(char32_t c) {
    return c > 0x1f && !(c >= 0x7f && c <= 0x9f) && !(c >= 0xd800 && c <= 0xf8ff) && c < 0xfff0;
}

Status invalid(std::string_view path, std::string_view reason, std::size_t at) {
    return fail(Errc::invalid_argument,
                fmt::format("invalid path \"{}\": {} at byte {}", path, reason, at));
}

Status validate_characters(std::string_view path) {
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t start = at;
        const auto byte = static_cast<unsigned char>(path[at]);
        const char32_t c = byte < 0x80 ? char32_t{static_cast<unsigned char>(path[at++])}
                                       : read_character(path, at);
        if (!is_allowed(c)) {
            return invalid(path, c == 0 ? "null character" : "character that is not allowed",
                           start);
        }
    }
    return {};
}

Status validate_names(std::string_view path, bool sequential) {
    std::size_t start = 1;
    while (start <= path.size()) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const std::string_view name = path.substr(start, end - start);
        const bool numbered = sequential && end == path.size();
        if (!numbered && name.empty()) {
            return invalid(path, end == path.size() ? "trailing slash" : "empty name", start);
        }
        if (!numbered && (name == "." || name == "..")) {
            return invalid(path, "relative name", start);
        }
        start = end + 1;
    }
    return {};
}

}  // namespace

Status validate_path(std::string_view path, bool sequential) {
    if (path.empty()) {
        return fail(Errc::invalid_argument, "invalid path: it is empty");
    }
    if (path.front() != '/') {
        return invalid(path, "it must start with a slash", 0);
    }
    if (path.size() == 1) {
        return {};
    }
    TRY(validate_names(path, sequential));
    return validate_characters(path);
}

std::string_view parent_of(std::string_view path) {
    if (path == "/") {
        return {};
    }
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view name_of_node(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string join_path(std::string_view parent, std::string_view name) {
    return fmt::format("{}/{}", parent == "/" ? "" : parent, name);
}

bool is_at_or_below(std::string_view ancestor, std::string_view path) {
    return ancestor == "/" || path == ancestor ||
           (path.starts_with(ancestor) && path[ancestor.size()] == '/');
}

std::string sequential_path(std::string_view path, std::int32_t number) {
    return fmt::format("{}{:010d}", path, number);
}

std::string add_chroot(std::string_view chroot, std::string_view path) {
    if (path == "/" && !chroot.empty()) {
        return std::string(chroot);
    }
    return fmt::format("{}{}", chroot, path);
}

std::string strip_chroot(std::string_view chroot, std::string_view path) {
    if (chroot.empty() || !is_at_or_below(chroot, path)) {
        return std::string(path);
    }
    return path == chroot ? "/" : std::string(path.substr(chroot.size()));
}

}  // namespace millrace::zk
