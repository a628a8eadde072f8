// The password that proves ownership of a session. It is a function of the session id, so that every server of an ensemble,
// Java or not, accepts a session that another one opened.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lib/base/bytes.h"

namespace millrace::zk {

using SessionPassword = std::array<std::byte, 16>;

SessionPassword session_password(std::int64_t session_id);

// Compares all bytes whatever the first difference is; false for another length.
bool is_session_password(std::int64_t session_id, BytesView password);

}  // namespace millrace::zk
