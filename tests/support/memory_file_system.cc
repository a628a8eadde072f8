#include "tests/support/memory_file_system.h"

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::testing {

using runtime::DirectoryEntry;
using runtime::File;
using runtime::OpenMode;

struct MemoryFileSystem::Node {
    Bytes bytes;
    Bytes durable;
    // The stretch that differs between the two, so that a sync of a large file copies little.
    std::uint64_t dirty_from = UINT64_MAX;
    std::uint64_t dirty_to = 0;

    void write(std::uint64_t offset, BytesView piece) {
        const std::uint64_t end = offset + piece.size();
        if (end > bytes.size()) {
            dirty_from = std::min<std::uint64_t>(dirty_from, bytes.size());
            bytes.resize(end);
        }
        std::copy(piece.begin(), piece.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
        dirty_from = std::min(dirty_from, offset);
        dirty_to = std::max(dirty_to, end);
    }

    void make_durable() {
        durable.resize(bytes.size());
        const std::uint64_t to = std::min<std::uint64_t>(dirty_to, bytes.size());
        if (dirty_from < to) {
            std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(dirty_from),
                      bytes.begin() + static_cast<std::ptrdiff_t>(to),
                      durable.begin() + static_cast<std::ptrdiff_t>(dirty_from));
        }
        dirty_from = UINT64_MAX;
        dirty_to = 0;
    }
};

namespace {

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_in(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

bool below(const std::string& path, const std::string& directory) {
    return path.size() > directory.size() && path.starts_with(directory) &&
           path[directory.size()] == '/';
}

}  // namespace

class MemoryFile : public File {
 public:
    MemoryFile(MemoryFileSystem& files, std::string path,
               std::shared_ptr<MemoryFileSystem::Node> node)
        : x_files(files),
          x_path(std::move(path)),
          x_node(std::move(node)),
          x_generation(files.x_generation) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
        TRY(alive());
        if (offset >= x_node->bytes.size()) {
            return std::size_t{0};
        }
        const std::size_t count =
            std::min<std::size_t>(buffer.size(), x_node->bytes.size() - offset);
        std::copy_n(x_node->bytes.begin() + static_cast<std::ptrdiff_t>(offset), count,
                    buffer.begin());
        return count;
    }

    Status write_at(std::uint64_t offset, BytesView bytes) override {
        TRY(alive());
        TRY(x_files.faulted("write", x_path));
        ++x_files.x_calls.writes;
        x_node->write(offset, bytes);
        return {};
    }

    Status write_pieces_at(std::uint64_t offset, std::span<const BytesView> pieces) override {
        TRY(alive());
        TRY(x_files.faulted("write", x_path));
        ++x_files.x_calls.writes;
        for (const BytesView piece : pieces) {
            x_node->write(offset, piece);
            offset += piece.size();
        }
        return {};
    }

    Status sync_data() override {
        TRY(alive());
        TRY(x_files.faulted("sync", x_path));
        ++x_files.x_calls.syncs;
        x_node->make_durable();
        return {};
    }

    Status truncate(std::uint64_t size) override {
        TRY(alive());
        TRY(x_files.faulted("write", x_path));
        const std::uint64_t before = x_node->bytes.size();
        x_node->bytes.resize(size);
        if (size > before) {
            x_node->dirty_from = std::min(x_node->dirty_from, before);
            x_node->dirty_to = std::max(x_node->dirty_to, size);
        } else {
            x_node->dirty_from = std::min(x_node->dirty_from, size);
        }
        return {};
    }

    Result<std::uint64_t> size() override {
        TRY(alive());
        return static_cast<std::uint64_t>(x_node->bytes.size());
    }

    int descriptor() const override { return -1; }

 private:
    Status alive() const {
        if (x_generation != x_files.x_generation) {
            return fail(Errc::io_error, x_path + " was open when the machine crashed");
        }
        return {};
    }

    MemoryFileSystem& x_files;
    std::string x_path;
    std::shared_ptr<MemoryFileSystem::Node> x_node;
    std::uint64_t x_generation;
};

class MemoryLock : public runtime::FileLock {
 public:
    MemoryLock(std::shared_ptr<std::set<std::string>> locked, std::string path)
        : x_locked(std::move(locked)), x_path(std::move(path)) {}
    ~MemoryLock() override { x_locked->erase(x_path); }
    MemoryLock(const MemoryLock&) = delete;
    MemoryLock& operator=(const MemoryLock&) = delete;

 private:
    std::shared_ptr<std::set<std::string>> x_locked;
    std::string x_path;
};

Status MemoryFileSystem::faulted(std::string_view operation, const std::string& path) const {
    if (x_fault) {
        if (std::optional<Error> error = x_fault(operation, path)) {
            return fail(std::move(*error));
        }
    }
    return {};
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
    const auto found = x_files.find(path);
    const bool present = found != x_files.end();
    if (x_directories.contains(path)) {
        return fail(Errc::io_error, path + " is a directory");
    }
    if (!present && (mode == OpenMode::read || mode == OpenMode::read_write)) {
        return fail(Errc::not_found, path + " does not exist");
    }
    if (present && mode == OpenMode::create_new) {
        return fail(Errc::already_exists, path + " exists");
    }
    if (!present && !exists(parent_of(path))) {
        return fail(Errc::not_found, parent_of(path) + " does not exist");
    }
    std::shared_ptr<Node>& node = x_files[path];
    if (!node) {
        node = std::make_shared<Node>();
    } else if (mode == OpenMode::truncate) {
        node->bytes.clear();
        node->dirty_from = 0;
    }
    return std::make_unique<MemoryFile>(*this, path, node);
}

bool MemoryFileSystem::exists(const std::string& path) {
    return path == "." || path == "/" || x_files.contains(path) || x_directories.contains(path);
}

Result<std::vector<DirectoryEntry>> MemoryFileSystem::list(const std::string& directory) {
    if (!exists(directory) || x_files.contains(directory)) {
        return fail(Errc::not_found, directory + " is no directory");
    }
    std::vector<DirectoryEntry> entries;
    for (const auto& [path, node] : x_files) {
        if (parent_of(path) == directory) {
            entries.push_back({name_in(path), false, node->bytes.size(), 0});
        }
    }
    for (const std::string& path : x_directories) {
        if (parent_of(path) == directory) {
            entries.push_back({name_in(path), true, 0, 0});
        }
    }
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
}

Status MemoryFileSystem::make_directories(const std::string& path) {
    for (std::string at = path; at != "/" && at != "."; at = parent_of(at)) {
        if (x_files.contains(at)) {
            return fail(Errc::io_error, at + " is a file");
        }
        x_directories.insert(at);
    }
    return {};
}

Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
    TRY(faulted("rename", from));
    if (x_files.contains(from)) {
        auto taken = x_files.extract(from);
        x_files.erase(to);
        taken.key() = to;
        x_files.insert(std::move(taken));
        return {};
    }
    if (!x_directories.contains(from)) {
        return fail(Errc::not_found, from + " does not exist");
    }
    std::map<std::string, std::shared_ptr<Node>> moved_files;
    std::set<std::string> moved_directories{to};
    std::erase_if(x_files, [&](const auto& entry) {
        const bool moves = below(entry.first, from);
        if (moves) {
            moved_files.emplace(to + entry.first.substr(from.size()), entry.second);
        }
        return moves;
    });
    std::erase_if(x_directories, [&](const std::string& path) {
        const bool moves = path == from || below(path, from);
        if (moves) {
            moved_directories.insert(to + path.substr(from.size()));
        }
        return moves;
    });
    // The contents of a moved folder are durable under its name as far as they were before.
    for (const auto& [path, node] : moved_files) {
        const auto durable = x_durable_files.find(from + path.substr(to.size()));
        if (durable != x_durable_files.end()) {
            x_durable_files.emplace(path, durable->second);
            x_durable_files.erase(durable);
        }
    }
    x_files.merge(moved_files);
    x_directories.merge(moved_directories);
    return {};
}

Status MemoryFileSystem::remove(const std::string& path) {
    TRY(faulted("remove", path));
    if (x_files.erase(path) > 0) {
        return {};
    }
    if (!x_directories.contains(path)) {
        return fail(Errc::not_found, path + " does not exist");
    }
    const std::vector<DirectoryEntry> entries = TRY(list(path));
    if (!entries.empty()) {
        return fail(Errc::io_error, path + " is not empty");
    }
    x_directories.erase(path);
    return {};
}

Status MemoryFileSystem::remove_tree(const std::string& path) {
    TRY(faulted("remove", path));
    const auto inside = [&](const std::string& at) { return at == path || below(at, path); };
    std::erase_if(x_files, [&](const auto& entry) { return inside(entry.first); });
    std::erase_if(x_directories, inside);
    return {};
}

Status MemoryFileSystem::sync_directory(const std::string& path) {
    TRY(faulted("sync_directory", path));
    ++x_calls.syncs;
    if (!exists(path) || x_files.contains(path)) {
        return fail(Errc::not_found, path + " is no directory");
    }
    std::erase_if(x_durable_files,
                  [&](const auto& entry) { return parent_of(entry.first) == path; });
    for (const auto& [file, node] : x_files) {
        if (parent_of(file) == path) {
            x_durable_files.emplace(file, node);
        }
    }
    return {};
}

Result<std::uint64_t> MemoryFileSystem::free_bytes(const std::string& path) {
    if (!exists(path)) {
        return fail(Errc::not_found, path + " does not exist");
    }
    return std::uint64_t{1} << 40;
}

Result<std::unique_ptr<runtime::FileLock>> MemoryFileSystem::lock(const std::string& path) {
    if (!x_locked->insert(path).second) {
        return fail(Errc::busy, path + " is locked");
    }
    if (!x_files.contains(path)) {
        x_files.emplace(path, std::make_shared<Node>());
    }
    return std::make_unique<MemoryLock>(x_locked, path);
}

void MemoryFileSystem::crash() {
    ++x_generation;
    x_locked = std::make_shared<std::set<std::string>>();
    x_files = x_durable_files;
    for (auto& [path, node] : x_files) {
        node->bytes = node->durable;
        node->dirty_from = UINT64_MAX;
        node->dirty_to = 0;
    }
}

Bytes MemoryFileSystem::contents(const std::string& path) const {
    const auto found = x_files.find(path);
    CHECK(found != x_files.end(), "a test reads a file that is not there");
    return found->second->bytes;
}

void MemoryFileSystem::put(const std::string& path, BytesView bytes) {
    CHECK(make_directories(parent_of(path)).has_value());
    const auto node = std::make_shared<Node>();
    node->bytes.assign(bytes.begin(), bytes.end());
    node->durable = node->bytes;
    x_files[path] = node;
    x_durable_files[path] = node;
}

}  // namespace millrace::testing
