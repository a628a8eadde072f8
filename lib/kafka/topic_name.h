// Which topic names are legal, and which topics belong to the brokers themselves.
#pragma once

#include <cstddef>
#include <string_view>

#include "lib/base/result.h"

namespace millrace::kafka {

inline constexpr std::size_t kTopicNameSizeMax =
    249;  // so that "<name>-<partition>" plus a suffix fits a file name

inline constexpr std::string_view kGroupTopic = "__consumer_offsets";
inline constexpr std::string_view kTransactionTopic = "__transaction_state";

// 1 to 249 characters of a-z A-Z 0-9 . _ - and neither "." nor "..". Errors: invalid_argument with
// the reason.
Status check_topic_name(std::string_view name);

// '.' and '_' are the same character in metric names, so two topics must not differ in them only.
bool topic_names_collide(std::string_view one, std::string_view other);

inline bool is_internal_topic(std::string_view name) {
    return name == kGroupTopic || name == kTransactionTopic;
}

}  // namespace millrace::kafka
