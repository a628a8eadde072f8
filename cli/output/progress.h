// Which of the wanted resources have become ready, and when.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/base/time.h"

namespace millrace::cli {

double seconds_of(Duration duration);

class ReadyProgress {
 public:
    // Titles of resources, such as "KafkaTopic demo".
    explicit ReadyProgress(const std::vector<std::string>& wanted);

    // What was seen of one resource. Returns the line to print, empty when there is no news.
    std::string note(const std::string& title, bool ready, const std::string& message,
                     Duration elapsed);
    // Every wanted resource was ready when it was last seen: one may be so at first, by what an earlier life left behind.
    bool complete() const { return x_missing.empty(); }
    // The first that is not now, with what it last said.
    std::string waiting_for() const;

 private:
    std::set<std::string> x_wanted;
    std::set<std::string> x_missing;
    std::set<std::string> x_ready;
    std::map<std::string, std::string> x_messages;
};

}  // namespace millrace::cli
