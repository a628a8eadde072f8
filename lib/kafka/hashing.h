// Hashes that clients and brokers of every language must agree on: they decide which partition a
// key, a group or a transaction belongs to.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/bytes.h"

namespace millrace::kafka {

// Murmur2 with the seed of the Java producer; signed, as Java's int.
std::int32_t murmur2(BytesView bytes);

// Partition that the Java producer's default partitioner gives a key; partitions must be above 0.
std::int32_t partition_for_key(BytesView key, std::int32_t partitions);

// java.lang.String.hashCode: over UTF-16 code units. Bytes that are not UTF-8 count as U+FFFD each.
std::int32_t java_string_hash(std::string_view utf8);

// Partition of __consumer_offsets for a group id, of __transaction_state for a transactional id.
// partitions must be above 0.
std::int32_t partition_for_id(std::string_view id, std::int32_t partitions);

}  // namespace millrace::kafka
