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
    std::string_view alias = {};  // another name with the same meaning
    std::string_view refusal =
        {};  // set: the Java tool knows it, and this one says why it does not
};

// What a command takes. Texts and options live as long as the process.
struct Usage {
    std::string_view program;
    std::string_view summary;
    std::span<const Option> options;
    std::string_view operands;  // what stands behind the options; empty: nothing may
    std::string_view examples;
};

class Options {
 public:
    // Words are those behind the name of the command. Errors: invalid_argument with one sentence for the user; an unknown
    // option is told with the nearest known one.
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

// --help and --version are options of every command and need no row.
std::string help_text(const Usage& usage);

}  // namespace millrace::cli
