// Lines of C++ with indentation.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace millrace::codegen {

class CodeWriter {
 public:
    template <class... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        add(fmt::format(format, std::forward<Args>(args)...));
    }
    void blank() { x_text += '\n'; }

    // A block: the line that ends with "{", its body one level deeper, and its closing line.
    template <class... Args>
    void open(fmt::format_string<Args...> format, Args&&... args) {
        add(fmt::format(format, std::forward<Args>(args)...));
        ++x_depth;
    }
    void close(std::string_view closing = "}") {
        --x_depth;
        add(closing);
    }
    // Ends a body that has no closing line, such as that of a case label.
    void outdent() { --x_depth; }

    // Ends one block and begins its alternative: "} else {".
    void next(std::string_view between) {
        close(between);
        ++x_depth;
    }

    std::string take() { return std::move(x_text); }

 private:
    void add(std::string_view text) { x_text.append(x_depth * 4, ' ').append(text).append("\n"); }

    std::string x_text;
    std::size_t x_depth = 0;
};

}  // namespace millrace::codegen
