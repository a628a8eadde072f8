// Where the checkout lies that a test was built from, without a slash at the end: golden files are read from there.
#pragma once

namespace millrace::testing {

extern const char* const kSourceDirectory;

}  // namespace millrace::testing
