// What `up`, `status` and `down` share: the directory of a local cluster and the operator that works in it.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace millrace::cli {

inline constexpr std::string_view kOperator = "millrace-operator";
inline constexpr Option kDirectoryOption{
    "dir", "directory", "Where everything lies; default $MILLRACE_HOME or ./millrace-data."};

// Absolute.
std::string local_directory(const Options& options);

// The operator that works in the directory; 0 when none does.
int operator_pid(const std::string& directory);
// Servers of the directory that outlived their operator, brokers first: it was killed, or died.
std::vector<int> orphans(const std::string& directory);
// The last error that a server of the directory has logged in its present life, with the server's name; empty when there is none.
std::string last_server_error(const std::string& directory);
// "http://127.0.0.1:PORT" of its API server; empty when it does not listen.
std::string api_server_url(const std::string& directory);

// A file of the examples beside the checkout or the installed binary; empty when it is not found.
std::string example_file(const std::string& bin_directory, std::string_view name);

}  // namespace millrace::cli
