// The lexical layer of the schema language: lines, indentation and words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::codegen {

// A line that says something. Words are separated by blanks; blanks inside quotes belong to the word.
struct Line {
    int number = 0;  // from 1
    int depth = 0;   // indentation, two blanks a step
    std::vector<std::string> words;
};

// Drops comments and empty lines. Fails on tabs, on an odd indentation and on an open quote ("file:line: what").
Result<std::vector<Line>> split_lines(std::string_view file, std::string_view text);

// "file:line: message" as an error.
std::unexpected<Error> fail_at(std::string_view file, int line, std::string_view message);

}  // namespace millrace::codegen
