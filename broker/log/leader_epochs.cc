#include "broker/log/leader_epochs.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/log/checkpoints.h"
#include "lib/base/check.h"

namespace millrace::broker::log {

bool LeaderEpochs::assign(std::int32_t epoch, std::int64_t start_offset) {
    if (epoch < 0) {
        return false;
    }
    if (!x_entries.empty() && x_entries.back().epoch == epoch &&
        x_entries.back().start_offset <= start_offset) {
        return false;
    }
    // An entry of a later epoch or offset tells of records that are gone: the log was cut, or wrote without this epoch.
    std::erase_if(x_entries, [&](const EpochStart& entry) {
        return entry.epoch >= epoch || entry.start_offset >= start_offset;
    });
    x_entries.push_back({epoch, start_offset});
    return true;
}

bool LeaderEpochs::truncate_end(std::int64_t end_offset) {
    return std::erase_if(x_entries, [&](const EpochStart& entry) {
               return entry.start_offset >= end_offset;
           }) > 0;
}

bool LeaderEpochs::truncate_start(std::int64_t start_offset) {
    const auto behind = std::ranges::find_if(
        x_entries, [&](const EpochStart& entry) { return entry.start_offset > start_offset; });
    if (behind == x_entries.begin()) {
        return false;
    }
    const EpochStart kept{std::prev(behind)->epoch, start_offset};
    if (std::prev(behind) == x_entries.begin() && *x_entries.begin() == kept) {
        return false;
    }
    x_entries.erase(x_entries.begin(), std::prev(behind));
    x_entries.front() = kept;
    return true;
}

std::int32_t LeaderEpochs::epoch_at(std::int64_t offset) const {
    const auto behind = std::ranges::find_if(
        x_entries, [&](const EpochStart& entry) { return entry.start_offset > offset; });
    return behind == x_entries.begin() ? -1 : std::prev(behind)->epoch;
}

EpochEnd LeaderEpochs::end_of(std::int32_t epoch, std::int64_t log_end_offset) const {
    if (epoch < 0 || x_entries.empty()) {
        return {};
    }
    if (epoch == latest()) {
        return {epoch, log_end_offset};
    }
    const auto higher = std::ranges::find_if(
        x_entries, [&](const EpochStart& entry) { return entry.epoch > epoch; });
    if (higher == x_entries.end()) {
        return {};
    }
    if (higher == x_entries.begin()) {
        return {epoch, higher->start_offset};
    }
    return {std::prev(higher)->epoch, higher->start_offset};
}

void LeaderEpochs::invariants() const {
    for (std::size_t i = 1; i < x_entries.size(); ++i) {
        CHECK(x_entries[i - 1].epoch < x_entries[i].epoch);
        CHECK(x_entries[i - 1].start_offset < x_entries[i].start_offset);
    }
}

std::string encode_leader_epochs(const LeaderEpochs& epochs) {
    std::string text = fmt::format("0\n{}\n", epochs.entries().size());
    for (const EpochStart& entry : epochs.entries()) {
        text += fmt::format("{} {}\n", entry.epoch, entry.start_offset);
    }
    return text;
}

Result<LeaderEpochs> decode_leader_epochs(std::string_view text) {
    LeaderEpochs epochs;
    for (const std::vector<std::string>& line : TRY(checkpoint_lines(text, 2))) {
        const auto epoch = parse_decimal(line[0]);
        const auto start = parse_decimal(line[1]);
        const bool rises =
            epochs.entries().empty() || (epoch && start && *epoch > epochs.entries().back().epoch &&
                                         *start > epochs.entries().back().start_offset);
        if (!epoch || !start || !rises ||
            !epochs.assign(static_cast<std::int32_t>(*epoch), *start)) {
            return fail(Errc::malformed, "leader epochs that do not rise");
        }
    }
    return epochs;
}

}  // namespace millrace::broker::log
