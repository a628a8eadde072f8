// The data of a node where it is not printed as text.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace millrace::cli {

// RFC 4648, with padding.
std::string base64(BytesView bytes);
// Errors: malformed.
Result<Bytes> from_base64(std::string_view text);

// Sixteen bytes a row in hexadecimal and as text, framed as `get -x` of Java's shell frames them; nothing for no bytes.
std::string hex_dump(BytesView bytes);

}  // namespace millrace::cli
