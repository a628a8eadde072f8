// The disk of a machine, which outlives crashes, and the file system that one life of the machine sees on it.
//
// After a loss of power the following is left. Of a file: what its last sync_data covered, and of the 512-byte sectors
// written since then none, some or all; with tears, some of those half written or with garbage where they changed. Of a folder: what its
// last sync_directory covered, and of the creations, renames and removals since then none, a beginning of them, or some in an
// order that they allow. A rename is never half done. After the mere end of a process nothing is lost, save what a failed
// sync gave up.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/runtime/file_system.h"
#include "lib/runtime/loop.h"
#include "tests/sim/event_queue.h"

namespace millrace::sim {

enum class CrashKind { process, power };

// What happens once, to the next operation that it fits. After a failed sync some of what it should have covered is on the disk,
// and the rest counts as clean and is forgotten with the process, as with the page cache of Linux.
enum class DiskFault { none, sync, write, read };

class SimDisk {
 public:
    SimDisk(EventQueue& events, std::uint64_t seed);

    // Handles and locks of the life that ends become useless.
    void crash(CrashKind kind);
    // Sectors that were on their way may arrive in part. Without, a sector is written or not: what the coordinator's log counts
    // on when it tells a torn write from corruption.
    void set_tears(bool tears) { x_tears = tears; }
    // Syncs answer ok and do nothing: a disk that lies.
    void set_lying(bool lying) { x_lying = lying; }
    // The next operation of the kind fails; then told what it was, with the path.
    void fail_next(DiskFault kind, std::function<void(const std::string& path)> then);
    // Files may grow by so many bytes together; absent: for ever.
    void set_room(std::optional<std::uint64_t> bytes) { x_room = bytes; }
    // The change with that number from now on is the last one the machine begins; a write is cut short in it. Everything fails
    // after it, until the next life. then is told at once.
    void die_in_change(std::uint64_t number, runtime::Task then);
    // A fault is armed, or there is little room.
    bool is_sick() const { return x_fault != DiskFault::none || x_room; }
    // When something failed last.
    Instant failed_at() const { return x_failed_at; }
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

    // To be asked before an operation: whether it fails now.
    Status allow(DiskFault kind, const std::string& path);
    Status allow_change(const std::string& path);
    std::uint64_t take_room(std::uint64_t wanted);
    // How many bytes of a write that is cut short arrive, when so many could.
    std::uint64_t arriving(std::uint64_t offset, std::uint64_t bytes) const;
    void give_room(std::uint64_t bytes);
    void forget_failed(Inode& inode);
    static void make_durable(const Change& change);
    void lose_changes();
    void settle(Inode& inode);
    void lose_sectors(Inode& file);
    void damage_sector(Inode& file, std::uint64_t sector);
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
    double x_damage_sector = 0;
    bool x_lying = false;
    bool x_tears = false;
    DiskFault x_fault = DiskFault::none;
    std::function<void(const std::string& path)> x_on_fault;
    Instant x_failed_at{};
    std::optional<std::uint64_t> x_room;
    std::uint64_t x_changes_left = 0;  // 0: no end is planned
    runtime::Task x_on_death;
    bool x_dead = false;
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
