// A file system in memory that forgets at a crash what was not synced: bytes since the last sync_data of their file, and
// creations, renames and removals since the last sync_directory of their folder. For unit tests of one module; the simulator
// has one of its own with torn writes and faults drawn from the seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "lib/runtime/file_system.h"

namespace millrace::testing {

class MemoryFileSystem : public runtime::FileSystem {
 public:
    Result<std::unique_ptr<runtime::File>> open(const std::string& path,
                                                runtime::OpenMode mode) override;
    bool exists(const std::string& path) override;
    Result<std::vector<runtime::DirectoryEntry>> list(const std::string& directory) override;
    Status make_directories(const std::string& path) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove(const std::string& path) override;
    Status remove_tree(const std::string& path) override;
    Status sync_directory(const std::string& path) override;
    Result<std::uint64_t> free_bytes(const std::string& path) override;
    Result<std::unique_ptr<runtime::FileLock>> lock(const std::string& path) override;

    // What a power failure leaves: only what was synced. Files that are open answer io_error from now on; locks are free.
    void crash();

    // Before every write, sync, rename and removal: an error ends it with that error, and it does nothing.
    // operation is "write", "sync", "sync_directory", "rename" or "remove".
    using Fault =
        std::function<std::optional<Error>(std::string_view operation, const std::string& path)>;
    void set_fault(Fault fault) { x_fault = std::move(fault); }

    // The whole of a file as a reader sees it now; CHECKs that it is there.
    Bytes contents(const std::string& path) const;
    // Makes or replaces a file, durable at once, with its folders.
    void put(const std::string& path, BytesView bytes);

    struct Calls {
        std::uint64_t writes = 0;
        std::uint64_t syncs = 0;
    };
    const Calls& calls() const { return x_calls; }

    // What open files hold on to; defined in the .cc.
    struct Node;

 private:
    friend class MemoryFile;
    friend class MemoryLock;

    Status faulted(std::string_view operation, const std::string& path) const;

    // Paths are absolute or relative, taken as they are. A folder is an entry without a node.
    std::map<std::string, std::shared_ptr<Node>> x_files;
    std::map<std::string, std::shared_ptr<Node>> x_durable_files;
    std::set<std::string> x_directories;
    std::shared_ptr<std::set<std::string>> x_locked = std::make_shared<std::set<std::string>>();
    std::uint64_t x_generation = 0;  // goes up at a crash
    Fault x_fault;
    Calls x_calls;
};

}  // namespace millrace::testing
