// Cuts a stream of pieces into lines.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::runtime {

class LineSplitter {
 public:
    explicit LineSplitter(std::size_t line_bytes_max) : x_line_bytes_max(line_bytes_max) {}

    // Adds the lines that the piece completes, without their ends ("\n" or "\r\n"). False when a line is too long.
    bool feed(std::string_view piece, std::vector<std::string>& lines) {
        while (!piece.empty()) {
            const std::size_t end = piece.find('\n');
            const std::string_view part = piece.substr(0, end);
            if (x_rest.size() + part.size() > x_line_bytes_max) {
                return false;
            }
            x_rest += part;
            if (end == std::string_view::npos) {
                return true;
            }
            piece.remove_prefix(end + 1);
            if (x_rest.ends_with('\r')) {
                x_rest.pop_back();
            }
            lines.push_back(std::move(x_rest));
            x_rest.clear();
        }
        return true;
    }

    // What stands behind the last line end.
    std::string take_rest() { return std::exchange(x_rest, {}); }

 private:
    const std::size_t x_line_bytes_max;
    std::string x_rest;
};

}  // namespace millrace::runtime
