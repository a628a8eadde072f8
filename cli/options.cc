#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "lib/base/config.h"

namespace millrace::cli {
namespace {

constexpr std::array kStandardOptions{
    Option{.name = "help", .value = "", .doc = "Print this text."},
    Option{.name = "version", .value = "", .doc = "Print the version."},
};
constexpr std::size_t kHelpColumn = 34;
constexpr std::size_t kHelpWidth = 100;

// Dashes that keyboards, editors and web pages put in the place of '-', and how many of them each stands for.
struct Dash {
    std::string_view text;
    int count;
};
constexpr std::array kDashes{
    Dash{"-", 1},
    Dash{"\xe2\x80\x90", 1} /* hyphen */,
    Dash{"\xe2\x80\x93", 1} /* en dash */,
    Dash{"\xe2\x80\x94", 2} /* em dash */,
    Dash{"\xe2\x88\x92", 1} /* minus */,
    Dash{"\xef\xbc\x8d", 1} /* full width */,
};

// Takes the dashes off the front; returns how many '-' they stand for.
int strip_dashes(std::string_view& word) {
    int count = 0;
    for (bool found = true; found;) {
        found = false;
        for (const Dash& dash : kDashes) {
            if (word.starts_with(dash.text)) {
                word.remove_prefix(dash.text.size());
                count += dash.count;
                found = true;
            }
        }
    }
    return count;
}

std::string wrapped(std::string_view text, std::size_t column) {
    std::string out;
    std::size_t at = column;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (at > column && at + word.size() + 1 > kHelpWidth) {
            out += '\n';
            out.append(column, ' ');
            at = column;
        }
        if (at > column) {
            out += ' ';
            ++at;
        }
        out += word;
        at += word.size();
    }
    return out;
}

std::string option_row(const Option& option) {
    std::string left = fmt::format("  --{}", option.name);
    if (!option.value.empty()) {
        left += fmt::format(" <{}>", option.value);
    }
    if (left.size() + 2 > kHelpColumn) {
        left += '\n';
        left.append(kHelpColumn, ' ');
    } else {
        left.append(kHelpColumn - left.size(), ' ');
    }
    return left + wrapped(option.doc, kHelpColumn) + '\n';
}

}  // namespace

class OptionParser {
 public:
    OptionParser(const Usage& usage, std::span<const std::string> words)
        : x_usage(usage), x_words(words) {
        x_known.assign(usage.options.begin(), usage.options.end());
        x_known.insert(x_known.end(), kStandardOptions.begin(), kStandardOptions.end());
    }

    Result<Options> run() {
        while (x_next < x_words.size()) {
            const std::string& word = x_words[x_next++];
            std::string_view name = word;
            const int dashes = strip_dashes(name);
            if (dashes == 0 || (name.empty() && dashes == 1)) {
                TRY(take_operand(word));
            } else if (name.empty()) {
                while (x_next < x_words.size()) {
                    TRY(take_operand(x_words[x_next++]));
                }
            } else {
                TRY(take_option(name));
            }
        }
        return std::move(x_options);
    }

 private:
    Status take_operand(const std::string& word) {
        if (x_usage.operands.empty()) {
            return fail(Errc::unsupported, fmt::format("unexpected argument '{}'", word));
        }
        x_options.x_operands.push_back(word);
        return {};
    }

    Status take_option(std::string_view text) {
        const std::size_t equals = text.find('=');
        const std::string_view name = text.substr(0, equals);
        const Option* const option = TRY(find(name));
        if (!option->refusal.empty()) {
            return fail(Errc::unsupported, fmt::format("--{}: {}", name, option->refusal));
        }
        const bool seen = x_options.x_values.contains(option->name);
        std::vector<std::string>& values = x_options.x_values[std::string(option->name)];
        if (option->value.empty()) {
            if (equals != std::string_view::npos) {
                return fail(Errc::invalid_argument, fmt::format("--{} takes no value", name));
            }
            return {};
        }
        if (seen && !option->repeatable) {
            return fail(
                Errc::invalid_argument,
                fmt::format("Found multiple arguments for option {}, but you asked for only one",
                            option->name));
        }
        if (equals != std::string_view::npos) {
            values.emplace_back(text.substr(equals + 1));
            return {};
        }
        if (x_next == x_words.size() || is_known_option(x_words[x_next])) {
            if (option->implied.empty()) {
                return fail(Errc::invalid_argument,
                            fmt::format("Option {} requires an argument", option->name));
            }
            values.emplace_back(option->implied);
            return {};
        }
        values.push_back(x_words[x_next++]);
        return {};
    }

    // Only a whole name: a value may begin with a dash.
    bool is_known_option(std::string_view word) const {
        return strip_dashes(word) > 0 && exact(word) != nullptr;
    }

    const Option* exact(std::string_view name) const {
        const auto found = std::ranges::find(x_known, name, &Option::name);
        return found == x_known.end() ? nullptr : &*found;
    }

    Result<const Option*> find(std::string_view name) const {
        if (const Option* const option = exact(name)) {
            return option;
        }
        std::vector<const Option*> begun;
        std::vector<std::string_view> names;
        for (const Option& option : x_known) {
            names.push_back(option.name);
            if (option.name.starts_with(name)) {
                begun.push_back(&option);
            }
        }
        if (begun.size() == 1) {
            return begun.front();
        }
        std::string message = fmt::format("{} is not a recognized option", name);
        if (begun.size() > 1) {
            names.clear();
            for (const Option* const option : begun) {
                names.push_back(option->name);
            }
            message += fmt::format("; it may mean --{}", fmt::join(names, " or --"));
        } else if (const auto nearest = nearest_name(name, names)) {
            message += fmt::format("; did you mean --{}?", *nearest);
        }
        return fail(Errc::unsupported, std::move(message));
    }

    const Usage& x_usage;
    std::span<const std::string> x_words;
    std::vector<Option> x_known;
    std::size_t x_next = 0;
    Options x_options;
};

Result<Options> Options::parse(const Usage& usage, std::span<const std::string> words) {
    return OptionParser(usage, words).run();
}

std::optional<std::string> Options::text(std::string_view name) const {
    const auto found = x_values.find(name);
    if (found == x_values.end() || found->second.empty()) {
        return std::nullopt;
    }
    return found->second.back();
}

std::string Options::text_or(std::string_view name, std::string_view otherwise) const {
    return text(name).value_or(std::string(otherwise));
}

std::vector<std::string> Options::all(std::string_view name) const {
    const auto found = x_values.find(name);
    return found == x_values.end() ? std::vector<std::string>{} : found->second;
}

Result<std::optional<std::int64_t>> Options::number(std::string_view name, std::int64_t least,
                                                    std::int64_t greatest) const {
    const std::optional<std::string> given = text(name);
    if (!given) {
        return std::optional<std::int64_t>{};
    }
    std::int64_t value = 0;
    const char* const end = given->data() + given->size();
    const auto [at, error] = std::from_chars(given->data(), end, value);
    if (error != std::errc{} || at != end) {
        return fail(Errc::invalid_argument,
                    fmt::format("Cannot parse argument '{}' of option {}", *given, name));
    }
    if (value < least || value > greatest) {
        return fail(Errc::invalid_argument,
                    fmt::format("--{} is {}, allowed are {} to {}", name, value, least, greatest));
    }
    return std::optional(value);
}

std::string half_width(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, char>, 6> kFullWidth{{
        {"\xef\xbc\x9a", ':'},
        {"\xef\xbc\x8c", ','},
        {"\xef\xbc\x8f", '/'},
        {"\xef\xbc\x8e", '.'},
        {"\xef\xbc\x9d", '='},
        {"\xe3\x80\x80", ' '},
    }};
    std::string out;
    while (!text.empty()) {
        const auto found = std::ranges::find_if(
            kFullWidth, [text](const auto& pair) { return text.starts_with(pair.first); });
        out += found == kFullWidth.end() ? text.front() : found->second;
        text.remove_prefix(found == kFullWidth.end() ? 1 : found->first.size());
    }
    return out;
}

std::string help_text(const Usage& usage) {
    std::string out = fmt::format("{}\n\nUsage: {}{}{}\n\nOptions:\n", usage.summary, usage.program,
                                  " [options]", usage.operands.empty() ? "" : " ");
    if (!usage.operands.empty()) {
        out.insert(out.find("\n\nOptions:"), usage.operands);
    }
    for (const Option& option : usage.options) {
        if (option.refusal.empty()) {
            out += option_row(option);
        }
    }
    for (const Option& option : kStandardOptions) {
        out += option_row(option);
    }
    if (!usage.examples.empty()) {
        out += fmt::format("\nExamples:\n{}", usage.examples);
    }
    return out;
}

}  // namespace millrace::cli
