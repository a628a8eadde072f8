// Text of an expression to tokens. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::kube_operator::local {

struct CelToken {
    enum class Kind { identifier, integer, real, text, symbol, end };
    Kind kind = Kind::end;
    std::string text;  // of identifiers and symbols as written, of strings unescaped
    std::int64_t integer = 0;
    double real = 0;
    std::size_t position = 0;
};

// The last token is always `end`. Errors: invalid_argument.
Result<std::vector<CelToken>> tokenize_cel(std::string_view text);

}  // namespace millrace::kube_operator::local
