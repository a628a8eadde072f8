// The commands of the ZooKeeper shell that ask a server.
#pragma once

#include <span>
#include <string_view>

#include "cli/options.h"
#include "cli/zk_session.h"

namespace millrace::cli {

struct ZkCommand {
    std::string_view name;
    std::string_view arguments;  // as help shows them
    std::span<const Option> options;
    std::size_t operands_min = 0;
    std::size_t operands_max = 0;
    // Prints the answer. Errors: the message for standard error.
    Status (*run)(ZkSession& session, const Options& options);
};

// By name.
std::span<const ZkCommand> zk_commands();

}  // namespace millrace::cli
