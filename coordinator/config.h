// From zoo.cfg, the environment and -D options to the options of a server.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/server/options.h"
#include "lib/base/config.h"
#include "lib/base/result.h"

namespace millrace::coordinator {

// The keys of ZooKeeper 3.9: honoured, without effect here, or refused.
const ConfigSchema& config_schema();

struct ConfigInput {
    std::string file_name;  // as the user gave it; empty for none
    std::string file_text;
    // ZOO_* variables, as the Docker image of ZooKeeper takes them, and the JVMFLAGS of its scripts: their -D options count.
    std::map<std::string, std::string> environment;
    std::vector<std::string>
        properties;  // "key=value" of -D; "zookeeper." before a key is taken off
};

// The environment is the lowest layer (the Docker image ignores it where there is a zoo.cfg), then the file, then -D.
// Errors: invalid_argument, with a line for each problem: "file:line: key: what is wrong; allowed: …".
Result<Config> read_config(const ConfigInput& input);

// Errors: invalid_argument, in the same form.
Result<server::ServerOptions> server_options(const Config& config, std::uint8_t server_id);

}  // namespace millrace::coordinator
