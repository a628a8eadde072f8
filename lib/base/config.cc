#include "lib/base/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "lib/base/check.h"

namespace millrace {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view part = trimmed(text.substr(0, comma));
        if (!part.empty()) {
            parts.emplace_back(part);
        }
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
    return parts;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    if (text.starts_with('+')) {
        text.remove_prefix(1);
    }
    const auto [at, error] = std::from_chars(text.begin(), text.end(), value);
    if (text.empty() || error != std::errc() || at != text.end()) {
        return std::nullopt;
    }
    return value;
}

std::string_view type_name(KeyType type) {
    switch (type) {
        case KeyType::text:
            return "text";
        case KeyType::boolean:
            return "true or false";
        case KeyType::int32:
            return "an integer of 32 bits";
        case KeyType::int64:
            return "an integer of 64 bits";
        case KeyType::real:
            return "a number";
        case KeyType::list:
            return "a list separated by commas";
    }
    UNREACHABLE();
}

std::string range_text(const ConfigKey& key) {
    const bool has_min = key.min > -std::numeric_limits<double>::infinity();
    const bool has_max = key.max < std::numeric_limits<double>::infinity();
    if (!has_min && !has_max) {
        return std::string(type_name(key.type));
    }
    if (has_min && has_max) {
        return fmt::format("{} to {}", key.min, key.max);
    }
    return has_min ? fmt::format("{} or more", key.min) : fmt::format("{} or less", key.max);
}

template <class T>
Status check_number(const ConfigKey& key, std::string_view text) {
    const std::optional<T> value = number<T>(text);
    if (!value) {
        return fail(Errc::invalid_argument, fmt::format("'{}' is not {}; allowed: {}", text,
                                                        type_name(key.type), range_text(key)));
    }
    if (static_cast<double>(*value) < key.min || static_cast<double>(*value) > key.max) {
        return fail(Errc::invalid_argument,
                    fmt::format("{} is out of range; allowed: {}", text, range_text(key)));
    }
    return {};
}

Status check_allowed(const ConfigKey& key, std::string_view text) {
    if (key.allowed.empty() || std::ranges::find(key.allowed, text) != key.allowed.end()) {
        return {};
    }
    return fail(Errc::invalid_argument,
                fmt::format("'{}' is not known; allowed: {}", text, fmt::join(key.allowed, ", ")));
}

Status check_value(const ConfigKey& key, std::string_view text) {
    switch (key.type) {
        case KeyType::text:
            return check_allowed(key, text);
        case KeyType::boolean:
            if (equals_ignoring_case(text, "true") || equals_ignoring_case(text, "false") ||
                std::ranges::find(key.allowed, text) != key.allowed.end()) {
                return {};
            }
            return fail(Errc::invalid_argument,
                        fmt::format("'{}' is not a truth value; allowed: true, false", text));
        case KeyType::int32:
            return check_number<std::int32_t>(key, text);
        case KeyType::int64:
            return check_number<std::int64_t>(key, text);
        case KeyType::real:
            return check_number<double>(key, text);
        case KeyType::list:
            for (const std::string& part : split_list(text)) {
                TRY(check_allowed(key, part));
            }
            return {};
    }
    UNREACHABLE();
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

std::string origin_of(const ConfigSource& source, const Property& entry) {
    return source.origin.empty() ? fmt::format("{}:{}", source.name, entry.line) : source.origin;
}

const ConfigFamily* family_of(const ConfigSchema& schema, std::string_view name) {
    const auto matches = [&](const ConfigFamily& family) {
        return name.starts_with(family.prefix);
    };
    const auto found = std::ranges::find_if(schema.families, matches);
    return found == schema.families.end() ? nullptr : &*found;
}

std::string unknown_key_warning(const ConfigSchema& schema, std::string_view where,
                                std::string_view name) {
    std::vector<std::string_view> known;
    known.reserve(schema.keys.size());
    for (const ConfigKey& key : schema.keys) {
        known.push_back(key.name);
    }
    const auto nearest = nearest_name(name, known);
    return fmt::format("{}: {}: unknown key{}", where, name,
                       nearest ? fmt::format("; did you mean {}?", *nearest) : "");
}

// Judges one entry; returns the text of an error, or nothing. Warnings are appended.
std::optional<std::string> judge(const ConfigKey& key, const ConfigValue& value,
                                 std::vector<std::string>& warnings) {
    const Status status = check_value(key, value.text);
    if (!status) {
        return fmt::format("{}: {}: {}", value.origin, key.name, status.error().message);
    }
    const bool is_default = key.default_value && *key.default_value == value.text;
    if (key.effect == KeyEffect::refused && !is_default) {
        return fmt::format("{}: {}: {}", value.origin, key.name, key.note);
    }
    if (key.effect == KeyEffect::no_effect && !is_default) {
        warnings.push_back(
            fmt::format("{}: {} has no effect: {}", value.origin, key.name, key.note));
    }
    return std::nullopt;
}

}  // namespace

Result<Config> Config::build(const ConfigSchema& schema, std::span<const ConfigSource> sources) {
    Config config;
    for (const ConfigKey& key : schema.keys) {
        if (key.default_value) {
            config.x_values[std::string(key.name)] = {std::string(*key.default_value), "default"};
        }
    }
    TRY(config.take(schema, sources));
    return config;
}

Result<Config> Config::with(const ConfigSchema& schema, const ConfigSource& layer) const {
    Config config;
    config.x_values = x_values;
    TRY(config.take(schema, std::span(&layer, 1)));
    return config;
}

Status Config::take(const ConfigSchema& schema, std::span<const ConfigSource> sources) {
    std::map<std::string_view, const ConfigKey*> declared;
    for (const ConfigKey& key : schema.keys) {
        declared.emplace(key.name, &key);
    }
    std::vector<std::string> errors;
    for (const ConfigSource& source : sources) {
        for (const Property& entry : source.entries) {
            const auto known = declared.find(entry.key);
            // Numbers and names are read without the blanks that editors leave at the end of a line.
            ConfigValue value{std::string(trimmed(entry.value)), origin_of(source, entry)};
            const ConfigFamily* family = family_of(schema, entry.key);
            if (known != declared.end()) {
                if (auto error = judge(*known->second, value, x_warnings)) {
                    errors.push_back(std::move(*error));
                }
            } else if (family != nullptr && family->effect == KeyEffect::refused) {
                errors.push_back(fmt::format("{}: {}: {}", value.origin, entry.key, family->note));
            } else if (family == nullptr) {
                x_warnings.push_back(unknown_key_warning(schema, value.origin, entry.key));
                if (!schema.keep_unknown) {
                    continue;
                }
            }
            x_values[entry.key] = std::move(value);
        }
    }
    if (!errors.empty()) {
        return fail(Errc::invalid_argument, fmt::format("{}", fmt::join(errors, "\n")));
    }
    return {};
}

bool Config::has(std::string_view key) const {
    return x_values.contains(key);
}

const ConfigValue& Config::value(std::string_view key) const {
    const auto found = x_values.find(key);
    CHECK(found != x_values.end(),
          "asked for a configuration key that is neither set nor declared");
    return found->second;
}

const std::string& Config::text(std::string_view key) const {
    return value(key).text;
}

bool Config::boolean(std::string_view key) const {
    return equals_ignoring_case(text(key), "true") || text(key) == "yes";
}

std::int32_t Config::int32(std::string_view key) const {
    const auto parsed = number<std::int32_t>(text(key));
    CHECK(parsed.has_value());
    return *parsed;
}

std::int64_t Config::int64(std::string_view key) const {
    const auto parsed = number<std::int64_t>(text(key));
    CHECK(parsed.has_value());
    return *parsed;
}

double Config::real(std::string_view key) const {
    const auto parsed = number<double>(text(key));
    CHECK(parsed.has_value());
    return *parsed;
}

std::vector<std::string> Config::list(std::string_view key) const {
    return split_list(text(key));
}

std::map<std::string, ConfigValue> Config::family(std::string_view prefix) const {
    std::map<std::string, ConfigValue> members;
    for (auto at = x_values.lower_bound(prefix); at != x_values.end(); ++at) {
        if (!at->first.starts_with(prefix)) {
            break;
        }
        members.emplace(at->first.substr(prefix.size()), at->second);
    }
    return members;
}

std::string Config::to_string() const {
    std::string out;
    for (const auto& [key, value] : x_values) {
        const bool hidden =
            key.ends_with("password") || key.ends_with("secret") || key.ends_with("jaas.config");
        fmt::format_to(std::back_inserter(out), "{}={}  # {}\n", key,
                       hidden ? "[hidden]" : value.text, value.origin);
    }
    return out;
}

std::optional<std::string_view> nearest_name(std::string_view name,
                                             std::span<const std::string_view> candidates) {
    std::optional<std::string_view> best;
    std::size_t best_distance = name.size() / 3 + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::string describe_keys(const ConfigSchema& schema) {
    std::string out;
    for (const ConfigKey& key : schema.keys) {
        fmt::format_to(std::back_inserter(out), "{}\n    {}\n    {}; default: {}\n", key.name,
                       key.doc, type_name(key.type), key.default_value.value_or("unset"));
        if (!key.note.empty()) {
            fmt::format_to(std::back_inserter(out), "    note: {}\n", key.note);
        }
    }
    return out;
}

}  // namespace millrace
