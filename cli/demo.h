// The demonstration of `millrace up --demo`: lines through a topic and back, with the console tools.
#pragma once

#include <string>
#include <string_view>

#include "cli/event_runner.h"
#include "lib/base/result.h"

namespace millrace::cli {

inline constexpr std::string_view kDemoFile = "demo.txt";

struct DemoFiles {
    std::string lines;      // what is sent
    std::string directory;  // where what came back is kept, as demo.out
};

// Sends every line to the topic "demo", reads from each partition what this has added to it, and compares; so what the topic
// held before does not matter. Errors: conflict when the lines differ, io_error when a tool failed.
Status run_demo(EventRunner& runner, const std::string& bin_directory, const std::string& bootstrap,
                const DemoFiles& files);

}  // namespace millrace::cli
