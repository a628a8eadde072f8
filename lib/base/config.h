// Declared configuration keys. A binary lists its keys once, as data; this module reads properties, environment and
// overrides against the list, and can check, print and explain them.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/properties.h"
#include "lib/base/result.h"

namespace millrace {

enum class KeyType { text, boolean, int32, int64, real, list };

// What setting a key does.
enum class KeyEffect {
    honoured,
    no_effect,  // accepted for compatibility; `note` says why nothing changes here; setting it is logged once
    refused,  // set to anything but the default it would change behaviour that is not offered: an error with `note`
};

struct ConfigKey {
    std::string_view name;
    KeyType type = KeyType::text;
    std::optional<std::string_view> default_value;  // none: the key stays unset unless given
    std::string_view doc;
    double min = -std::numeric_limits<double>::infinity();  // of numbers; both included
    double max = std::numeric_limits<double>::infinity();
    std::vector<std::string_view> allowed =
        {};  // of text and of each element of a list; empty: anything
    KeyEffect effect = KeyEffect::honoured;
    std::string_view note = {};
};

// Where a value came from: "default", "zoo.cfg:12", "environment ZOO_TICK_TIME", "--override".
struct ConfigValue {
    std::string text;
    std::string origin;
};

// A family of keys that share a prefix, such as "server." or "listener.name.". Their values are kept as text.
struct ConfigFamily {
    std::string_view prefix;
    std::string_view doc;
    KeyEffect effect = KeyEffect::honoured;
    std::string_view note = {};
};

struct ConfigSchema {
    std::span<const ConfigKey> keys;
    std::span<const ConfigFamily> families = {};
    // True: an unknown key is kept (and warned about) because others read it, as ZooKeeper does.
    bool keep_unknown = true;
};

// One layer of settings; later layers win.
struct ConfigSource {
    std::string name;  // file name as the user gave it; empty for layers without lines
    std::vector<Property> entries;
    std::string origin;  // for layers without lines; wins over "name:line"
};

class Config {
 public:
    // Checks every entry. All problems are reported in one error, a line each: "file:line: key: what is wrong; allowed: …".
    // Errors: invalid_argument. Unknown keys are warnings that name the nearest known key.
    static Result<Config> build(const ConfigSchema& schema, std::span<const ConfigSource> sources);
    // A copy with one more layer on top; its warnings are those of that layer. Errors: invalid_argument, as build().
    Result<Config> with(const ConfigSchema& schema, const ConfigSource& layer) const;

    bool has(std::string_view key) const;
    // The value must be set or have a default; asking for another type than declared is a broken invariant.
    const std::string& text(std::string_view key) const;
    bool boolean(std::string_view key) const;
    std::int32_t int32(std::string_view key) const;
    std::int64_t int64(std::string_view key) const;
    double real(std::string_view key) const;
    std::vector<std::string> list(std::string_view key) const;

    // All set keys that begin with the prefix, with the prefix cut off.
    std::map<std::string, ConfigValue> family(std::string_view prefix) const;
    // Every known or kept key with value and origin, sorted by name.
    const std::map<std::string, ConfigValue, std::less<>>& values() const { return x_values; }
    const std::vector<std::string>& warnings() const { return x_warnings; }

    // "key=value  # origin", a line each; values whose key ends in password or secret are hidden.
    std::string to_string() const;

 private:
    const ConfigValue& value(std::string_view key) const;
    Status take(const ConfigSchema& schema, std::span<const ConfigSource> sources);

    std::map<std::string, ConfigValue, std::less<>> x_values;
    std::vector<std::string> x_warnings;
};

// The candidate with the smallest edit distance, if that is at most a third of the name's length.
std::optional<std::string_view> nearest_name(std::string_view name,
                                             std::span<const std::string_view> candidates);

// A table of all keys for --help-config: name, type, default, doc.
std::string describe_keys(const ConfigSchema& schema);

}  // namespace millrace
