#include "lib/runtime/file_system.h"

#include <fmt/format.h>

namespace millrace::runtime {
namespace {

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Status FileSystem::make_durable_directories(const std::string& path) {
    if (path.size() > 1 && path.ends_with('/')) {
        return make_durable_directories(path.substr(0, path.size() - 1));
    }
    const std::string parent = parent_of(path);
    if (exists(path)) {
        TRY(make_directories(path));  // refuses a file of that name
        if (parent != path) {
            (void)sync_directory(parent);
        }
        return {};
    }
    TRY(make_durable_directories(parent));
    TRY(make_directories(path));
    return sync_directory(parent);
}

Result<Bytes> FileSystem::read_file(const std::string& path, std::uint64_t bytes_max) {
    const auto file = TRY(open(path, OpenMode::read));
    const std::uint64_t size = TRY(file->size());
    if (size > bytes_max) {
        return fail(Errc::too_large,
                    fmt::format("{} has {} bytes; at most {} are read", path, size, bytes_max));
    }
    Bytes bytes(size);
    // The file may shrink between the two calls; what is there counts.
    bytes.resize(TRY(file->read_at(0, bytes)));
    return bytes;
}

Status FileSystem::replace_file(const std::string& path, BytesView bytes) {
    const std::string beside = path + ".tmp";
    {
        const auto file = TRY(open(beside, OpenMode::truncate));
        TRY(file->write_at(0, bytes));
        TRY(file->sync_data());
    }
    TRY(rename(beside, path));
    return sync_directory(parent_of(path));
}

std::string join_path(std::string_view directory, std::string_view name) {
    while (directory.size() > 1 && directory.back() == '/') {
        directory.remove_suffix(1);
    }
    while (!name.empty() && name.front() == '/') {
        name.remove_prefix(1);
    }
    std::string path(directory);
    if (path.empty() || path.back() != '/') {
        path.push_back('/');
    }
    path.append(name);
    return path;
}

}  // namespace millrace::runtime
