// Command lines as the Java tools take them: `--opt value`, `--opt=value`, one dash instead of two, unique beginnings of a
// name, and dashes that a text editor made long (an en dash counts as one, an em dash as two).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::cli {

struct Option {
    std::string_view name;   // without dashes
    std::string_view value;  // what its value is; empty: a flag
    std::string_view doc;
    bool repeatable = false;
    // Set: the Java tool knows it, and this one says why it does not.
    std::string_view refusal = {};
    // Set: the value may be left out, and this is meant then.
    std::string_view implied = {};
};

// What a command takes. Texts and options live as long as the process.
struct Usage {
    std::string_view program;
    std::string_view summary;
    std::span<const Option> options;
    std::string_view operands;  // what stands behind the options; empty: nothing may
    std::string_view examples;
    // The exit code for values and combinations that are wrong: 1 where the Java tool has it.
    int misuse = 2;
};

class Options {
 public:
    // Words are those behind the name of the command. Errors, each with one sentence for the user: unsupported for an option
    // that is not known (told with the nearest known one) or is refused; invalid_argument for what is wrong otherwise.
    static Result<Options> parse(const Usage& usage, std::span<const std::string> words);

    bool has(std::string_view name) const { return x_values.contains(name); }
    std::optional<std::string> text(std::string_view name) const;
    std::string text_or(std::string_view name, std::string_view otherwise) const;
    // Every value of a repeatable option, in order.
    std::vector<std::string> all(std::string_view name) const;
    // Nothing when the option is absent. Errors: invalid_argument when it is no number of the range.
    Result<std::optional<std::int64_t>> number(std::string_view name, std::int64_t least,
                                               std::int64_t greatest) const;
    const std::vector<std::string>& operands() const { return x_operands; }

 private:
    friend class OptionParser;

    std::map<std::string, std::vector<std::string>, std::less<>> x_values;
    std::vector<std::string> x_operands;
};

// Full-width colons, commas, slashes, points, equals signs and blanks, as an input method for Chinese leaves them, become
// those of ASCII. For values that are addresses.
std::string half_width(std::string_view text);

// --help and --version are options of every command and need no row.
std::string help_text(const Usage& usage);

}  // namespace millrace::cli
