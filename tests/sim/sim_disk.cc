#include "tests/sim/sim_disk.h"

#include <algorithm>

#include "lib/base/check.h"
#include "tests/sim/sim_loop.h"

namespace millrace::sim {

using runtime::DirectoryEntry;
using runtime::File;
using runtime::OpenMode;

struct SimDisk::Inode {
    bool is_directory = false;
    std::int64_t modified_millis = 0;
    // Of a file.
    Bytes bytes;
    Bytes durable;
    std::set<std::uint64_t> dirty;     // sectors
    std::set<std::uint64_t> given_up;  // sectors that a failed sync left as if they were clean
    // Of a folder.
    std::map<std::string, InodePtr> entries;
    std::map<std::string, InodePtr> durable_entries;

    void mark(std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t sector = from / kSectorBytes; sector * kSectorBytes < to; ++sector) {
            dirty.insert(sector);
            given_up.erase(sector);
        }
    }
    void write(std::uint64_t offset, BytesView piece) {
        const std::uint64_t end = offset + piece.size();
        if (end > bytes.size()) {
            mark(bytes.size(), end);
            bytes.resize(end);
        }
        std::ranges::copy(piece, bytes.begin() + static_cast<std::ptrdiff_t>(offset));
        mark(offset, end);
    }
    // Takes a sector as it is now into the durable image.
    void keep(std::uint64_t sector) {
        const std::uint64_t from = sector * kSectorBytes;
        const std::uint64_t to = std::min<std::uint64_t>(from + kSectorBytes, bytes.size());
        if (from >= to) {
            return;
        }
        durable.resize(std::max<std::uint64_t>(durable.size(), to));
        std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                  bytes.begin() + static_cast<std::ptrdiff_t>(to),
                  durable.begin() + static_cast<std::ptrdiff_t>(from));
    }
    void sync() {
        for (const std::uint64_t sector : dirty) {
            keep(sector);
        }
        durable.resize(bytes.size());
        dirty.clear();
    }
};

namespace {

std::vector<std::string> parts_of(const std::string& path) {
    std::vector<std::string> parts;
    std::size_t at = 0;
    while (at < path.size()) {
        const std::size_t slash = std::min(path.find('/', at), path.size());
        if (slash > at && path.substr(at, slash - at) != ".") {
            parts.push_back(path.substr(at, slash - at));
        }
        at = slash + 1;
    }
    return parts;
}

}  // namespace

class SimFile : public File {
 public:
    SimFile(SimDisk& disk, std::string path, SimDisk::InodePtr inode)
        : x_disk(disk),
          x_path(std::move(path)),
          x_inode(std::move(inode)),
          x_generation(disk.x_generation) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
        TRY(alive());
        TRY(x_disk.allow(DiskFault::read, x_path));
        const Bytes& bytes = x_inode->bytes;
        if (offset >= bytes.size()) {
            return std::size_t{0};
        }
        const std::size_t count = std::min<std::size_t>(buffer.size(), bytes.size() - offset);
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, buffer.begin());
        return count;
    }
    Status write_at(std::uint64_t offset, BytesView bytes) override {
        TRY(alive());
        if (const Status allowed = x_disk.allow_change(x_path); !allowed) {
            put(offset,
                bytes.first(x_disk.arriving(offset, x_disk.x_random.below(bytes.size() + 1))));
            return allowed;
        }
        TRY(x_disk.allow(DiskFault::write, x_path));
        const std::uint64_t size = x_inode->bytes.size();
        const std::uint64_t end = offset + bytes.size();
        const std::uint64_t wanted = end > size ? end - size : 0;
        const std::uint64_t given = x_disk.take_room(wanted);
        const std::uint64_t missing = std::min<std::uint64_t>(wanted - given, bytes.size());
        if (given == wanted) {
            put(offset, bytes);
        } else {
            put(offset, bytes.first(x_disk.arriving(offset, bytes.size() - missing)));
            return fail(Errc::disk_full, "no space left for " + x_path);
        }
        return {};
    }
    Status write_pieces_at(std::uint64_t offset, std::span<const BytesView> pieces) override {
        for (const BytesView piece : pieces) {
            TRY(write_at(offset, piece));
            offset += piece.size();
        }
        return {};
    }
    Status sync_data() override {
        TRY(alive());
        TRY(x_disk.allow_change(x_path));
        ++x_disk.x_syncs;
        if (const Status allowed = x_disk.allow(DiskFault::sync, x_path); !allowed) {
            for (const std::uint64_t sector : x_inode->dirty) {
                if (x_disk.x_random.chance(0.3)) {
                    x_inode->keep(sector);
                } else {
                    x_inode->given_up.insert(sector);
                }
            }
            x_inode->dirty.clear();
            return allowed;
        }
        if (!x_disk.x_lying) {
            x_inode->sync();
        }
        return {};
    }
    Status truncate(std::uint64_t size) override {
        TRY(alive());
        TRY(x_disk.allow_change(x_path));
        const std::uint64_t before = x_inode->bytes.size();
        if (size > before && x_disk.take_room(size - before) < size - before) {
            return fail(Errc::disk_full, "no space left for " + x_path);
        }
        x_disk.give_room(size < before ? before - size : 0);
        x_inode->bytes.resize(size);
        // The sector of the cut too: its rest reads as zeros from now on.
        x_inode->mark(std::min(before, size), std::max(before, size));
        return {};
    }
    Result<std::uint64_t> size() override {
        TRY(alive());
        return static_cast<std::uint64_t>(x_inode->bytes.size());
    }
    int descriptor() const override { return -1; }

 private:
    void put(std::uint64_t offset, BytesView bytes) {
        if (!bytes.empty()) {
            x_inode->write(offset, bytes);
            x_inode->modified_millis = x_disk.wall_millis();
        }
    }
    Status alive() const {
        if (x_generation != x_disk.x_generation || x_disk.x_dead) {
            return fail(Errc::io_error, x_path + " was open when the machine crashed");
        }
        return {};
    }

    SimDisk& x_disk;
    std::string x_path;
    SimDisk::InodePtr x_inode;
    std::uint64_t x_generation;
};

class SimLock : public runtime::FileLock {
 public:
    SimLock(SimDisk& disk, std::string path)
        : x_disk(disk), x_path(std::move(path)), x_generation(disk.x_generation) {}
    ~SimLock() override {
        if (x_generation == x_disk.x_generation) {
            x_disk.x_locked.erase(x_path);
        }
    }
    SimLock(const SimLock&) = delete;
    SimLock& operator=(const SimLock&) = delete;

 private:
    SimDisk& x_disk;
    std::string x_path;
    std::uint64_t x_generation;
};

SimDisk::SimDisk(EventQueue& events, std::uint64_t seed)
    : x_events(events), x_random(seed), x_root(std::make_shared<Inode>()) {
    x_root->is_directory = true;
    // What the installation made: it was there long before the first crash.
    auto data = std::make_shared<Inode>();
    data->is_directory = true;
    x_root->entries.emplace("data", data);
    x_root->durable_entries = x_root->entries;
}

std::int64_t SimDisk::wall_millis() const {
    return SimLoop::kWallStartMillis + to_millis(x_events.now().since_start);
}

void SimDisk::fail_next(DiskFault kind, std::function<void(const std::string& path)> then) {
    x_fault = kind;
    x_on_fault = std::move(then);
}

void SimDisk::die_in_change(std::uint64_t number, runtime::Task then) {
    CHECK(number > 0);
    x_changes_left = number;
    x_on_death = std::move(then);
}

Status SimDisk::allow(DiskFault kind, const std::string& path) {
    if (x_fault != kind) {
        return {};
    }
    x_fault = DiskFault::none;
    x_failed_at = x_events.now();
    x_on_fault(path);
    return fail(Errc::io_error, path + ": the disk failed");
}

Status SimDisk::allow_change(const std::string& path) {
    if (x_changes_left > 0 && --x_changes_left == 0) {
        x_dead = true;
        x_on_death();
        return fail(Errc::io_error, path + ": the machine crashes");
    }
    return {};
}

std::uint64_t SimDisk::take_room(std::uint64_t wanted) {
    if (!x_room) {
        return wanted;
    }
    const std::uint64_t given = std::min(*x_room, wanted);
    *x_room -= given;
    if (given < wanted) {
        x_failed_at = x_events.now();
    }
    return given;
}

std::uint64_t SimDisk::arriving(std::uint64_t offset, std::uint64_t bytes) const {
    const std::uint64_t end = offset + bytes;
    const std::uint64_t whole = x_tears ? end : end - end % kSectorBytes;
    return std::max(whole, offset) - offset;
}

void SimDisk::give_room(std::uint64_t bytes) {
    if (x_room) {
        *x_room += bytes;
    }
}

SimDisk::InodePtr SimDisk::find(const std::string& path) const {
    InodePtr at = x_root;
    for (const std::string& part : parts_of(path)) {
        const auto found = at->entries.find(part);
        if (found == at->entries.end()) {
            return nullptr;
        }
        at = found->second;
    }
    return at;
}

std::pair<SimDisk::InodePtr, std::string> SimDisk::parent_of(const std::string& path) const {
    const std::vector<std::string> parts = parts_of(path);
    if (parts.empty()) {
        return {nullptr, ""};
    }
    InodePtr at = x_root;
    for (std::size_t i = 0; i + 1 < parts.size() && at != nullptr; ++i) {
        const auto found = at->entries.find(parts[i]);
        at = found == at->entries.end() ? nullptr : found->second;
    }
    return {at != nullptr && at->is_directory ? at : nullptr, parts.back()};
}

void SimDisk::make_durable(const Change& change) {
    if (change.from != nullptr) {
        change.from->durable_entries.erase(change.from_name);
    }
    if (change.to != nullptr) {
        change.to->durable_entries[change.to_name] = change.inode;
    }
}

void SimDisk::lose_changes() {
    const std::uint64_t mode = x_random.below(3);
    std::size_t kept_first = 0;  // mode 0: none
    if (mode == 1) {
        kept_first = x_random.below(x_changes.size() + 1);
    }
    // Once a change is lost, later ones of the same names and of the same file are lost with it.
    std::set<std::pair<const Inode*, std::string>> lost_names;
    std::set<const Inode*> lost_inodes;
    for (std::size_t i = 0; i < x_changes.size(); ++i) {
        const Change& change = x_changes[i];
        const std::pair from{change.from.get(), change.from_name};
        const std::pair to{change.to.get(), change.to_name};
        const bool blocked = lost_inodes.contains(change.inode.get()) ||
                             lost_names.contains(from) || lost_names.contains(to);
        const bool wanted = mode == 2 ? x_random.chance(0.5) : i < kept_first;
        if (wanted && !blocked) {
            make_durable(change);
            continue;
        }
        lost_inodes.insert(change.inode.get());
        lost_names.insert(from);
        lost_names.insert(to);
    }
    x_changes.clear();
}

void SimDisk::lose_sectors(Inode& file) {
    const bool was_cut = file.bytes.size() < file.durable.size();
    for (const std::uint64_t sector : file.dirty) {
        if (!x_random.chance(x_keep_sector)) {
            continue;
        }
        if (x_random.chance(x_damage_sector)) {
            damage_sector(file, sector);
        } else {
            file.keep(sector);
        }
    }
    if (was_cut && x_random.chance(0.5)) {
        file.durable.resize(file.bytes.size());
    }
    file.bytes = file.durable;
    file.dirty.clear();
    file.given_up.clear();
}

// A sector that was on its way: only its beginning arrived, or where it was to change there is anything.
void SimDisk::damage_sector(Inode& file, std::uint64_t sector) {
    const std::uint64_t from = sector * kSectorBytes;
    const std::uint64_t to = std::min<std::uint64_t>(from + kSectorBytes, file.bytes.size());
    if (from >= to) {
        return;
    }
    const bool is_torn = x_random.chance(0.5);
    const std::uint64_t arrived = from + (is_torn ? x_random.below(to - from) : 0);
    file.durable.resize(std::max<std::uint64_t>(file.durable.size(), to));
    for (std::uint64_t i = from; i < to; ++i) {
        if (i < arrived) {
            file.durable[i] = file.bytes[i];
        } else if (!is_torn && file.durable[i] != file.bytes[i]) {
            file.durable[i] = static_cast<std::byte>(x_random.below(256));
        }
    }
}

// What a failed sync gave up is read from the disk again, by the next process.
void SimDisk::forget_failed(Inode& inode) {
    for (const auto& [name, child] : inode.entries) {
        forget_failed(*child);
    }
    for (const std::uint64_t sector : inode.given_up) {
        const std::uint64_t from = sector * kSectorBytes;
        const std::uint64_t to = std::min<std::uint64_t>(from + kSectorBytes, inode.bytes.size());
        for (std::uint64_t i = from; i < to; ++i) {
            inode.bytes[i] = i < inode.durable.size() ? inode.durable[i] : std::byte{0};
        }
    }
    inode.given_up.clear();
}

// The tree as it is on the disk becomes the tree that is seen.
void SimDisk::settle(Inode& inode) {
    if (!inode.is_directory) {
        lose_sectors(inode);
        return;
    }
    inode.entries = inode.durable_entries;
    for (const auto& [name, child] : inode.entries) {
        settle(*child);
    }
}

void SimDisk::crash(CrashKind kind) {
    ++x_generation;
    x_locked.clear();
    x_dead = false;
    x_changes_left = 0;
    x_fault = DiskFault::none;
    if (kind == CrashKind::process) {
        forget_failed(*x_root);
        return;
    }
    x_damage_sector = x_tears ? std::array{0.0, 0.0, 0.1, 0.5}[x_random.below(4)] : 0.0;
    x_keep_sector = std::array{0.0, 0.5, 0.9, 1.0}[x_random.below(4)];
    lose_changes();
    settle(*x_root);
}

Status SimFileSystem::alive() const {
    if (x_generation != x_disk.x_generation || x_disk.x_dead) {
        return fail(Errc::io_error, "the machine has crashed");
    }
    return {};
}

Result<std::unique_ptr<File>> SimFileSystem::open(const std::string& path, OpenMode mode) {
    TRY(alive());
    const auto [folder, name] = x_disk.parent_of(path);
    if (folder == nullptr) {
        return fail(Errc::not_found, "the folder of " + path + " does not exist");
    }
    SimDisk::InodePtr inode = x_disk.find(path);
    if (inode != nullptr && inode->is_directory) {
        return fail(Errc::io_error, path + " is a directory");
    }
    if (inode == nullptr && (mode == OpenMode::read || mode == OpenMode::read_write)) {
        return fail(Errc::not_found, path + " does not exist");
    }
    if (inode != nullptr && mode == OpenMode::create_new) {
        return fail(Errc::already_exists, path + " exists");
    }
    if (inode == nullptr || mode == OpenMode::truncate) {
        TRY(x_disk.allow_change(path));
    }
    if (inode == nullptr) {
        inode = std::make_shared<SimDisk::Inode>();
        inode->modified_millis = x_disk.wall_millis();
        folder->entries.emplace(name, inode);
        x_disk.x_changes.push_back({nullptr, "", folder, name, inode});
    } else if (mode == OpenMode::truncate) {
        inode->mark(0, inode->bytes.size());
        x_disk.give_room(inode->bytes.size());
        inode->bytes.clear();
    }
    return std::make_unique<SimFile>(x_disk, path, std::move(inode));
}

Result<std::vector<DirectoryEntry>> SimFileSystem::list(const std::string& directory) {
    TRY(alive());
    const SimDisk::InodePtr folder = x_disk.find(directory);
    if (folder == nullptr || !folder->is_directory) {
        return fail(Errc::not_found, directory + " is no directory");
    }
    std::vector<DirectoryEntry> entries;
    for (const auto& [name, inode] : folder->entries) {
        entries.push_back({name, inode->is_directory, inode->bytes.size(), inode->modified_millis});
    }
    return entries;
}

Status SimFileSystem::make_directories(const std::string& path) {
    TRY(alive());
    SimDisk::InodePtr at = x_disk.x_root;
    for (const std::string& part : parts_of(path)) {
        if (!at->entries.contains(part)) {
            TRY(x_disk.allow_change(path));
        }
        SimDisk::InodePtr& child = at->entries[part];
        if (child == nullptr) {
            child = std::make_shared<SimDisk::Inode>();
            child->is_directory = true;
            x_disk.x_changes.push_back({nullptr, "", at, part, child});
        }
        if (!child->is_directory) {
            return fail(Errc::io_error, path + ": " + part + " is a file");
        }
        at = child;
    }
    return {};
}

Status SimFileSystem::rename(const std::string& from, const std::string& to) {
    TRY(alive());
    const auto [old_folder, old_name] = x_disk.parent_of(from);
    const auto [folder, name] = x_disk.parent_of(to);
    const SimDisk::InodePtr inode = x_disk.find(from);
    if (inode == nullptr || old_folder == nullptr || folder == nullptr) {
        return fail(Errc::not_found, from + " does not exist, or the folder of " + to);
    }
    TRY(x_disk.allow_change(to));
    old_folder->entries.erase(old_name);
    folder->entries[name] = inode;
    x_disk.x_changes.push_back({old_folder, old_name, folder, name, inode});
    return {};
}

Status SimFileSystem::remove(const std::string& path) {
    TRY(alive());
    const auto [folder, name] = x_disk.parent_of(path);
    const SimDisk::InodePtr inode = x_disk.find(path);
    if (inode == nullptr || folder == nullptr) {
        return fail(Errc::not_found, path + " does not exist");
    }
    if (!inode->entries.empty()) {
        return fail(Errc::io_error, path + " is not empty");
    }
    TRY(x_disk.allow_change(path));
    x_disk.give_room(inode->bytes.size());
    folder->entries.erase(name);
    x_disk.x_changes.push_back({folder, name, nullptr, "", inode});
    return {};
}

Status SimFileSystem::remove_tree(const std::string& path) {
    TRY(alive());
    const SimDisk::InodePtr inode = x_disk.find(path);
    if (inode == nullptr) {
        return fail(Errc::not_found, path + " does not exist");
    }
    const std::map<std::string, SimDisk::InodePtr> entries = inode->entries;
    for (const auto& [name, child] : entries) {
        TRY(remove_tree(runtime::join_path(path, name)));
    }
    return remove(path);
}

Status SimFileSystem::sync_directory(const std::string& path) {
    TRY(alive());
    const SimDisk::InodePtr folder = x_disk.find(path);
    if (folder == nullptr || !folder->is_directory) {
        return fail(Errc::not_found, path + " is no directory");
    }
    TRY(x_disk.allow_change(path));
    ++x_disk.x_syncs;
    TRY(x_disk.allow(DiskFault::sync, path));
    if (x_disk.x_lying) {
        return {};
    }
    std::erase_if(x_disk.x_changes, [&](const SimDisk::Change& change) {
        const bool concerned = change.from == folder || change.to == folder;
        if (concerned) {
            SimDisk::make_durable(change);
        }
        return concerned;
    });
    return {};
}

Result<std::uint64_t> SimFileSystem::free_bytes(const std::string&) {
    return x_disk.x_room.value_or(std::uint64_t{1} << 40);
}

Result<std::unique_ptr<runtime::FileLock>> SimFileSystem::lock(const std::string& path) {
    TRY(open(path, OpenMode::create));
    if (!x_disk.x_locked.insert(path).second) {
        return fail(Errc::busy, path + " is locked");
    }
    return std::make_unique<SimLock>(x_disk, path);
}

}  // namespace millrace::sim
