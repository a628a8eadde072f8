// When which part of a log was written. Processes write their logs themselves, so this is what was seen from outside: at some
// moments, how long the log was. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/base/time.h"

namespace millrace::kube_operator::local {

class LogMarks {
 public:
    // Per log; when they are used up, every second one goes, and times of old lines become coarser.
    static constexpr std::size_t kMarksMax = 1024;

    // The log has this many bytes now. A log that shrank was emptied or begun again.
    void note(const std::string& log, std::uint64_t size, WallTime now);
    void rename(const std::string& from, const std::string& to);
    // Keeps only logs that are still there; names holds them in order.
    void keep_only(const std::vector<std::string>& names);

    // The first byte that may have been written at or after a time.
    std::uint64_t first_since(const std::string& log, WallTime since) const;
    bool covers(const std::string& log, std::uint64_t offset) const;
    // By when the byte was written; the epoch when nothing is known.
    WallTime written_by(const std::string& log, std::uint64_t offset) const;

 private:
    struct Mark {
        WallTime time;
        std::uint64_t size = 0;  // every byte before it was there at that time
    };

    std::map<std::string, std::vector<Mark>> x_logs;
};

}  // namespace millrace::kube_operator::local
