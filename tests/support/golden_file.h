// Captured bytes of tests/golden.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/check.h"
#include "tests/support/source_directory.h"

namespace millrace::testing {

// The bytes of tests/golden/<name>, hexadecimal digits with line breaks.
inline Bytes read_golden(const std::string& name) {
    std::ifstream in(std::string(kSourceDirectory) + "/tests/golden/" + name);
    std::string digits{std::istreambuf_iterator<char>(in), {}};
    std::erase_if(digits, [](char c) { return c == '\n'; });
    const Bytes bytes = from_hex(digits);
    if (bytes.empty()) {
        check_failed(name, "a golden file that cannot be read");
    }
    return bytes;
}

}  // namespace millrace::testing
