// What both the four-letter words and the admin server show, as rows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/storage/file_names.h"

namespace millrace::coordinator::server {

// Java's trace mask as it starts. It chooses among the lines of a trace log, which is not written here, so it stays as it is.
inline constexpr std::int64_t kTraceMask = 306;

class Node;

using Rows = std::vector<std::pair<std::string, std::string>>;

// The settings in force, in ZooKeeper's order and names.
Rows configuration_table(Node& node);
// Versions and every setting given.
Rows environment_table(Node& node);

// Bytes of the files in a folder; 0 when it cannot be listed.
std::uint64_t directory_bytes(Node& node, const std::string& directory);

// Ordered; session 0 stands for connections that have none.
std::map<std::int64_t, std::set<std::string>> watched_by_session(Node& node);
std::map<std::string, std::set<std::int64_t>> watched_by_path(Node& node);

// The newest snapshot on the disk.
std::optional<storage::SnapshotFile> newest_snapshot(Node& node);

}  // namespace millrace::coordinator::server
