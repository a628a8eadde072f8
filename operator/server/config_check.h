// Asks brokers' and coordinators' own --check-config whether they would take their settings, before anything that runs is touched.
// The programs lie beside the operator: in its image, or in its folder.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lib/runtime/process.h"
#include "lib/runtime/runtime.h"
#include "operator/resources/node.h"

namespace millrace::kube_operator::server {

struct ConfigCheckOptions {
    std::string programs;  // folder of the programs; empty: nothing is checked
    std::string scratch;   // folder for the texts under check; made when it is not there
};

class ConfigCheck {
 public:
    // The program's words, without the name of the file: "line 4: tickTime: …". Empty: it takes the settings, or could not be asked.
    using Done = std::move_only_function<void(const std::string& problem)>;
    static constexpr std::size_t kAnswersMax = 256;

    // The runtime and the runner outlive the check.
    ConfigCheck(runtime::Runtime runtime, runtime::ProcessRunner& runner,
                ConfigCheckOptions options);
    ~ConfigCheck();

    // done may run before check returns: a text that was checked before is known.
    void check(resources::Role role, const std::string& text, Done done);

 private:
    std::string start(resources::Role role, const std::string& text, const std::string& base,
                      Done& done);
    void take(const std::string& key, const std::string& base, const runtime::ProcessEnd& end,
              Done done);

    runtime::Runtime x_runtime;
    runtime::ProcessRunner& x_runner;
    ConfigCheckOptions x_options;
    std::map<std::string, std::string> x_answers;  // by program and text
    std::uint64_t x_started = 0;
    bool x_complained = false;
    std::shared_ptr<int> x_alive;
};

// What a program said about a file, from its output: its last line, without its name and the file's. Pure.
std::string problem_in(std::string_view output, std::string_view program, std::string_view file);

}  // namespace millrace::kube_operator::server
