#include "lib/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace millrace {

void check_failed(std::string_view expression, std::string_view message,
                  std::source_location where) {
    std::fprintf(stderr, "CHECK failed: %.*s%s%.*s at %s:%u\n", static_cast<int>(expression.size()),
                 expression.data(), message.empty() ? "" : ": ", static_cast<int>(message.size()),
                 message.data(), where.file_name(), where.line());
    std::abort();
}

}  // namespace millrace
