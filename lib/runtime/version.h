// What this build calls itself.
#pragma once

#include <string_view>

namespace millrace::runtime {

// The version of the project, "0.1.0".
std::string_view version();
// The commit it was built from, 12 digits; "unknown" when it was built outside a checkout.
std::string_view revision();

}  // namespace millrace::runtime
