#include "lib/kafka/topic_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::kafka {

namespace {

bool legal_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

}  // namespace

Status check_topic_name(std::string_view name) {
    if (name.empty()) {
        return fail(Errc::invalid_argument, "Topic name is empty");
    }
    if (name == "." || name == "..") {
        return fail(Errc::invalid_argument, "Topic name cannot be \".\" or \"..\"");
    }
    if (name.size() > kTopicNameSizeMax) {
        return fail(Errc::invalid_argument,
                    fmt::format("Topic name is {} characters long, at most {} are allowed: {}",
                                name.size(), kTopicNameSizeMax, name));
    }
    if (!std::ranges::all_of(name, legal_character)) {
        return fail(
            Errc::invalid_argument,
            fmt::format("Topic name \"{}\" holds a character other than ASCII letters and digits, "
                        "'.', '_' and '-'",
                        name));
    }
    return {};
}

bool topic_names_collide(std::string_view one, std::string_view other) {
    const auto as_metric = [](char c) { return c == '.' ? '_' : c; };
    return std::ranges::equal(one, other, {}, as_metric, as_metric);
}

}  // namespace millrace::kafka
