#include "lib/codegen/lines.h"

#include <fmt/format.h>

namespace millrace::codegen {
namespace {

// Splits one line without its indentation. False when a quote stays open.
bool split_words(std::string_view text, std::vector<std::string>& words) {
    std::string word;
    bool quoted = false;
    for (const char c : text) {
        if (!quoted && c == '#') {
            break;
        }
        if (!quoted && c == ' ') {
            if (!word.empty()) {
                words.push_back(std::move(word));
                word.clear();
            }
            continue;
        }
        quoted = c == '"' ? !quoted : quoted;
        word.push_back(c);
    }
    if (!word.empty()) {
        words.push_back(std::move(word));
    }
    return !quoted;
}

}  // namespace

std::unexpected<Error> fail_at(std::string_view file, int line, std::string_view message) {
    return fail(Errc::invalid_argument, fmt::format("{}:{}: {}", file, line, message));
}

Result<std::vector<Line>> split_lines(std::string_view file, std::string_view text) {
    std::vector<Line> lines;
    int number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view raw = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (raw.find('\t') != std::string_view::npos) {
            return fail_at(file, number, "tab found; indent with two blanks a level");
        }
        const std::size_t indent = std::min(raw.find_first_not_of(' '), raw.size());
        Line line{number, static_cast<int>(indent / 2), {}};
        if (!split_words(raw.substr(indent), line.words)) {
            return fail_at(file, number, "a quote is not closed on this line");
        }
        if (line.words.empty()) {
            continue;
        }
        if (indent % 2 != 0) {
            return fail_at(file, number, "odd indentation; indent with two blanks a level");
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace millrace::codegen
