// Reads java.util.Properties text, the format of zoo.cfg and server.properties: separators `=`, `:` and blank, comments with
// `#` and `!`, continuation with a backslash, the escapes \t \n \r \f \uXXXX. A key that stands twice keeps its last value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace {

struct Property {
    std::string key;
    std::string value;  // UTF-8; trailing blanks are kept, as Java does
    int line = 0;       // first line of the entry, from 1
};

inline constexpr std::size_t kPropertiesBytesMax = 1 << 20;

// Entries in the order of the text, each key once. Errors: too_large above kPropertiesBytesMax, malformed for a bad \u escape;
// the message starts with "line N: ".
Result<std::vector<Property>> parse_properties(std::string_view text);

}  // namespace millrace
