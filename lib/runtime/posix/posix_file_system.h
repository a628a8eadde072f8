// The file system of the operating system.
#pragma once

#include <memory>

#include "lib/runtime/file_system.h"

namespace millrace::runtime {

// Every call blocks; may be called from any thread. Descriptors are not inherited by child processes.
std::unique_ptr<FileSystem> make_posix_file_system();

}  // namespace millrace::runtime
