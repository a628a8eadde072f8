// The disk of a machine, which outlives crashes, and the file system that one life of the machine sees on it.
//
// After a loss of power the following is left. Of a file: what its last sync_data covered, and of the 512-byte sectors
// written since then none, some or all. Of a folder: what its last sync_directory covered, and of the creations, renames and
// removals since then none, a beginning of them, or some in an order that they allow. A rename is never half done. After the
// mere end of a process nothing is lost.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/runtime/file_system.h"
#include "tests/sim/event_queue.h"

namespace millrace::sim {

enum class CrashKind { process, power };

class SimDisk {
 public:
    SimDisk(EventQueue& events, std::uint64_t seed);

    // Handles and locks of the life that ends become useless.
    void crash(CrashKind kind);
    // sync_data answers ok and does nothing: a disk that lies.
    void set_lying(bool lying) { x_lying = lying; }
    // Syncs of files and folders so far.
    std::uint64_t syncs() const { return x_syncs; }

    static constexpr std::uint64_t kSectorBytes = 512;

    struct Inode;
    using InodePtr = std::shared_ptr<Inode>;

 private:
    friend class SimFile;
    friend class SimLock;
    friend class SimFileSystem;

    // A change of one or two folder entries that is not on the disk yet.
    struct Change {
        InodePtr from;  // null: a creation
        std::string from_name;
        InodePtr to;  // null: a removal
        std::string to_name;
        InodePtr inode;
    };

    static void make_durable(const Change& change);
    void lose_changes();
    void settle(Inode& inode);
    void lose_sectors(Inode& file);
    InodePtr find(const std::string& path) const;
    // The folder that holds the path, and the name in it; null when there is none.
    std::pair<InodePtr, std::string> parent_of(const std::string& path) const;
    std::int64_t wall_millis() const;

    EventQueue& x_events;
    Random x_random;
    InodePtr x_root;
    std::vector<Change> x_changes;
    std::set<std::string> x_locked;
    std::uint64_t x_generation = 0;
    std::uint64_t x_syncs = 0;
    double x_keep_sector = 0;
    bool x_lying = false;
};

class SimFileSystem : public runtime::FileSystem {
 public:
    // The disk outlives it.
    explicit SimFileSystem(SimDisk& disk) : x_disk(disk), x_generation(disk.x_generation) {}

    Result<std::unique_ptr<runtime::File>> open(const std::string& path,
                                                runtime::OpenMode mode) override;
    bool exists(const std::string& path) override { return x_disk.find(path) != nullptr; }
    Result<std::vector<runtime::DirectoryEntry>> list(const std::string& directory) override;
    Status make_directories(const std::string& path) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove(const std::string& path) override;
    Status remove_tree(const std::string& path) override;
    Status sync_directory(const std::string& path) override;
    Result<std::uint64_t> free_bytes(const std::string& path) override;
    Result<std::unique_ptr<runtime::FileLock>> lock(const std::string& path) override;

 private:
    Status alive() const;

    SimDisk& x_disk;
    std::uint64_t x_generation;
};

}  // namespace millrace::sim
