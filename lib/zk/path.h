// Paths of znodes. A path is absolute, "/" is the root, and no path but the root ends with a slash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace millrace::zk {

// ZooKeeper's rules (PathUtils.validatePath): starts with '/', no trailing or double slash, no "." or ".." as a name, no
// control characters, nothing of U+D800-U+F8FF and U+FFF0-U+FFFF. Java sees UTF-16, so characters beyond U+FFFF and bytes that
// are not UTF-8 are refused too. A sequential create may end with '/', since its number is appended.
// Error: invalid_argument with the reason and the byte offset.
Status validate_path(std::string_view path, bool sequential = false);

// "/a/b" -> "/a", "/a" -> "/", "/" -> "". The path must start with '/'.
std::string_view parent_of(std::string_view path);

// "/a/b" -> "b", "/" -> "".
std::string_view name_of_node(std::string_view path);

// ("/a", "b") -> "/a/b"; ("/", "b") -> "/b".
std::string join_path(std::string_view parent, std::string_view name);

// True when path is ancestor or lies below it: ("/a", "/a/b"), ("/a", "/a"), ("/", anything); not ("/a", "/ab").
bool is_at_or_below(std::string_view ancestor, std::string_view path);

// The path with the ten-digit number that a sequential create appends; the number is the parent's count of creates.
std::string sequential_path(std::string_view path, std::int32_t number);

// A chroot is empty or a valid path other than "/". What a client calls "/" is the chroot itself.
std::string add_chroot(std::string_view chroot, std::string_view path);
// The other way round; a path outside the chroot comes back as it is.
std::string strip_chroot(std::string_view chroot, std::string_view path);

}  // namespace millrace::zk
