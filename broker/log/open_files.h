// Keeps the descriptors of closed segments and their indexes below a number: the ones used longest ago are given up. A file in
// use stays open through its shared pointer.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "lib/base/result.h"
#include "lib/runtime/file_system.h"

namespace millrace::broker::log {

class OpenFiles {
 public:
    OpenFiles(runtime::FileSystem& files, std::size_t open_max)
        : x_files(files), x_open_max(open_max) {}

    // Opens for reading and writing; the file must exist. Errors: not_found, io_error.
    Result<std::shared_ptr<runtime::File>> open(const std::string& path);
    // To be called before a file or its folder is renamed or removed.
    void forget(const std::string& path);
    void forget_folder(const std::string& directory);
    std::size_t open_count() const { return x_recent.size(); }
    runtime::FileSystem& files() { return x_files; }

 private:
    struct Entry {
        std::string path;
        std::shared_ptr<runtime::File> file;
    };

    runtime::FileSystem& x_files;
    std::size_t x_open_max;
    std::list<Entry> x_recent;  // used last first
    std::unordered_map<std::string, std::list<Entry>::iterator> x_by_path;
};

}  // namespace millrace::broker::log
