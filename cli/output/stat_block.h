// What zkCli.sh prints of a node, in the forms of ZooKeeper 3.9.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/zk/error_code.h"
#include "lib/zk/watch.h"
#include "lib/zk/zookeeper.h"

namespace millrace::cli {

// "Tue Nov 24 16:07:18 UTC 2026", in the time zone of the process.
std::string java_date(std::int64_t millis);

// Eleven lines from cZxid to numChildren.
std::string stat_block(const zk::Stat& stat);

// "[a, b]".
std::string bracketed(const std::vector<std::string>& names);

// "'world,'anyone\n: cdrwa\n" for each entry.
std::string acl_lines(const std::vector<zk::Acl>& acl);

// The block of a watch; path is "null" for events of the session.
std::string watched_event(std::string_view state, std::string_view type, std::string_view path,
                          std::int64_t zxid);
std::string_view event_name(zk::EventType type);

// One sentence for the error that a request on the path answered.
std::string shell_error(zk::ErrorCode error, std::string_view path);

}  // namespace millrace::cli
