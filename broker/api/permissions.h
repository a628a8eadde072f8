// What a client may do, as bit sets of Metadata, DescribeCluster and DescribeGroups: bit n stands for operation n of
// AclOperation. Without an authorizer every operation of a resource is allowed.
#pragma once

#include <cstdint>

namespace millrace::broker::api {

namespace operation {
inline constexpr std::int32_t kRead = 1 << 3;
inline constexpr std::int32_t kWrite = 1 << 4;
inline constexpr std::int32_t kCreate = 1 << 5;
inline constexpr std::int32_t kDelete = 1 << 6;
inline constexpr std::int32_t kAlter = 1 << 7;
inline constexpr std::int32_t kDescribe = 1 << 8;
inline constexpr std::int32_t kClusterAction = 1 << 9;
inline constexpr std::int32_t kDescribeConfigs = 1 << 10;
inline constexpr std::int32_t kAlterConfigs = 1 << 11;
inline constexpr std::int32_t kIdempotentWrite = 1 << 12;
}  // namespace operation

inline constexpr std::int32_t kTopicOperations =
    operation::kRead | operation::kWrite | operation::kCreate | operation::kDelete |
    operation::kAlter | operation::kDescribe | operation::kDescribeConfigs |
    operation::kAlterConfigs;
inline constexpr std::int32_t kGroupOperations =
    operation::kRead | operation::kDelete | operation::kDescribe;
inline constexpr std::int32_t kClusterOperations =
    operation::kCreate | operation::kAlter | operation::kDescribe | operation::kClusterAction |
    operation::kDescribeConfigs | operation::kAlterConfigs | operation::kIdempotentWrite;

}  // namespace millrace::broker::api
