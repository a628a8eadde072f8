#include "broker/log/open_files.h"

namespace millrace::broker::log {

Result<std::shared_ptr<runtime::File>> OpenFiles::open(const std::string& path) {
    if (const auto found = x_by_path.find(path); found != x_by_path.end()) {
        x_recent.splice(x_recent.begin(), x_recent, found->second);
        return found->second->file;
    }
    std::shared_ptr<runtime::File> file = TRY(x_files.open(path, runtime::OpenMode::read_write));
    x_recent.push_front({path, file});
    x_by_path[path] = x_recent.begin();
    if (x_recent.size() > x_open_max) {
        x_by_path.erase(x_recent.back().path);
        x_recent.pop_back();
    }
    return file;
}

void OpenFiles::forget(const std::string& path) {
    if (const auto found = x_by_path.find(path); found != x_by_path.end()) {
        x_recent.erase(found->second);
        x_by_path.erase(found);
    }
}

void OpenFiles::forget_folder(const std::string& directory) {
    const std::string prefix = directory + "/";
    for (auto entry = x_recent.begin(); entry != x_recent.end();) {
        const auto next = std::next(entry);
        if (entry->path.starts_with(prefix)) {
            x_by_path.erase(entry->path);
            x_recent.erase(entry);
        }
        entry = next;
    }
}

}  // namespace millrace::broker::log
