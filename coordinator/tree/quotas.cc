#include "coordinator/tree/quotas.h"

#include <fmt/format.h>

#include <charconv>

#include "lib/base/check.h"

namespace millrace::coordinator::tree {

namespace {

constexpr std::string_view kRoot = "/zookeeper/quota";
constexpr std::string_view kLimits = "/zookeeper_limits";
constexpr std::string_view kCounts = "/zookeeper_stats";
constexpr std::string_view kCount = "count";
constexpr std::string_view kBytes = "bytes";

bool is_below_root(std::string_view path) {
    return path.starts_with(kRoot) && path.substr(kRoot.size()).starts_with('/');
}

}  // namespace

QuotaFigures QuotaFigures::parse(std::string_view text) {
    QuotaFigures figures;
    while (!text.empty()) {
        const std::size_t end = text.find_first_of(",;");
        std::string_view pair = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        if (pair.empty()) {
            continue;
        }
        // Java's own text has one behind the bytes when more follows.
        while (pair.ends_with('=')) {
            pair.remove_suffix(1);
        }
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) {
            return {};
        }
        const std::string_view digits = pair.substr(equals + 1);
        std::int64_t value = 0;
        const auto [at, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || at != digits.data() + digits.size()) {
            return {};
        }
        figures.x_values.insert_or_assign(std::string(pair.substr(0, equals)), value);
    }
    return figures;
}

void QuotaFigures::set(std::int64_t count, std::int64_t bytes) {
    x_values.insert_or_assign(std::string(kCount), count);
    x_values.insert_or_assign(std::string(kBytes), bytes);
}

std::int64_t QuotaFigures::get(std::string_view key) const {
    const auto found = x_values.find(key);
    return found == x_values.end() ? -1 : found->second;
}

std::string QuotaFigures::to_string() const {
    std::string others;
    for (const auto& [key, value] : x_values) {
        if (key != kCount && key != kBytes) {
            others += fmt::format(";{}={}", key, value);
        }
    }
    return fmt::format("{}={},{}={}{}{}", kCount, count(), kBytes, bytes(),
                       others.empty() ? "" : "=", others);
}

void Quotas::created(std::string_view path) {
    if (is_limits_node(path)) {
        x_subjects.emplace(subject_in(path));
    }
}

void Quotas::removed(std::string_view path) {
    if (!is_limits_node(path)) {
        return;
    }
    const auto found = x_subjects.find(subject_in(path));
    if (found != x_subjects.end()) {
        x_subjects.erase(found);
    }
}

std::string_view Quotas::subject_of(std::string_view path) const {
    while (!x_subjects.empty() && path.size() > 1) {
        const auto found = x_subjects.find(path);
        if (found != x_subjects.end()) {
            return *found == "/zookeeper" ? std::string_view() : std::string_view(*found);
        }
        path = path.substr(0, path.rfind('/'));
    }
    return {};
}

bool Quotas::is_limits_node(std::string_view path) {
    return is_below_root(path) && path.ends_with(kLimits);
}

bool Quotas::is_counts_node(std::string_view path) {
    return is_below_root(path) && path.ends_with(kCounts);
}

std::string_view Quotas::subject_in(std::string_view quota_node) {
    CHECK(is_below_root(quota_node));
    quota_node.remove_prefix(kRoot.size());
    return quota_node.substr(0, quota_node.rfind('/'));
}

std::string Quotas::limits_path(std::string_view subject) {
    return fmt::format("{}{}{}", kRoot, subject, kLimits);
}

std::string Quotas::counts_path(std::string_view subject) {
    return fmt::format("{}{}{}", kRoot, subject, kCounts);
}

}  // namespace millrace::coordinator::tree
