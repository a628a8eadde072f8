#include "operator/local/log_marks.h"

#include <algorithm>

namespace millrace::kube_operator::local {

void LogMarks::note(const std::string& log, std::uint64_t size, WallTime now) {
    std::vector<Mark>& marks = x_logs[log];
    if (!marks.empty() && size < marks.back().size) {
        marks.clear();
    }
    if (!marks.empty() && size == marks.back().size) {
        return;
    }
    marks.push_back({now, size});
    if (marks.size() < kMarksMax) {
        return;
    }
    std::size_t index = 0;
    // The newest stays: it has an odd place.
    std::erase_if(marks, [&index](const Mark&) { return index++ % 2 == 0; });
}

void LogMarks::rename(const std::string& from, const std::string& to) {
    auto moved = x_logs.extract(from);
    x_logs.erase(to);
    if (!moved.empty()) {
        moved.key() = to;
        x_logs.insert(std::move(moved));
    }
}

void LogMarks::keep_only(const std::vector<std::string>& names) {
    std::erase_if(x_logs, [&names](const auto& entry) {
        return !std::ranges::binary_search(names, entry.first);
    });
}

std::uint64_t LogMarks::first_since(const std::string& log, WallTime since) const {
    const auto found = x_logs.find(log);
    if (found == x_logs.end()) {
        return 0;
    }
    std::uint64_t first = 0;
    for (const Mark& mark : found->second) {
        if (mark.time.millis >= since.millis) {
            break;
        }
        first = mark.size;
    }
    return first;
}

bool LogMarks::covers(const std::string& log, std::uint64_t offset) const {
    const auto found = x_logs.find(log);
    return found != x_logs.end() && !found->second.empty() && offset < found->second.back().size;
}

WallTime LogMarks::written_by(const std::string& log, std::uint64_t offset) const {
    const auto found = x_logs.find(log);
    if (found == x_logs.end() || found->second.empty()) {
        return {};
    }
    for (const Mark& mark : found->second) {
        if (mark.size > offset) {
            return mark.time;
        }
    }
    return found->second.back().time;
}

}  // namespace millrace::kube_operator::local
