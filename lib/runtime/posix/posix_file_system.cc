#include "lib/runtime/posix/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "lib/base/check.h"
#include "lib/runtime/posix/owned_descriptor.h"
#include "lib/runtime/posix/posix_error.h"

namespace millrace::runtime {
namespace {

constexpr mode_t kFileMode = 0644;  // the umask takes away from it
constexpr std::size_t kPiecesPerCall = 64;

int flags_of(OpenMode mode) {
    switch (mode) {
        case OpenMode::read:
            return O_RDONLY;
        case OpenMode::read_write:
            return O_RDWR;
        case OpenMode::create:
            return O_RDWR | O_CREAT;
        case OpenMode::create_new:
            return O_RDWR | O_CREAT | O_EXCL;
        case OpenMode::truncate:
            return O_RDWR | O_CREAT | O_TRUNC;
    }
    UNREACHABLE();
}

Result<OwnedDescriptor> open_descriptor(const std::string& path, int flags) {
    const int descriptor =
        retry_interrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, kFileMode); });
    if (descriptor < 0) {
        return fail_errno(errno, "open", path);
    }
    return OwnedDescriptor(descriptor);
}

class PosixFile final : public File {
 public:
    PosixFile(OwnedDescriptor descriptor, std::string path)
        : x_descriptor(std::move(descriptor)), x_path(std::move(path)) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
        std::size_t done = 0;
        while (done < buffer.size()) {
            const ssize_t count = retry_interrupted([&] {
                return ::pread(x_descriptor.get(), buffer.data() + done, buffer.size() - done,
                               static_cast<off_t>(offset + done));
            });
            if (count < 0) {
                return fail_errno(errno, "read", x_path);
            }
            if (count == 0) {
                break;
            }
            done += static_cast<std::size_t>(count);
        }
        return done;
    }

    Status write_at(std::uint64_t offset, BytesView bytes) override {
        while (!bytes.empty()) {
            const ssize_t count = retry_interrupted([&] {
                return ::pwrite(x_descriptor.get(), bytes.data(), bytes.size(),
                                static_cast<off_t>(offset));
            });
            if (count < 0) {
                return fail_errno(errno, "write", x_path);
            }
            bytes = bytes.subspan(static_cast<std::size_t>(count));
            offset += static_cast<std::uint64_t>(count);
        }
        return {};
    }

    Status write_pieces_at(std::uint64_t offset, std::span<const BytesView> pieces) override;

    Status sync_data() override {
        if (retry_interrupted([&] { return ::fdatasync(x_descriptor.get()); }) < 0) {
            return fail_errno(errno, "sync", x_path);
        }
        return {};
    }

    Status truncate(std::uint64_t size) override {
        const auto length = static_cast<off_t>(size);
        if (retry_interrupted([&] { return ::ftruncate(x_descriptor.get(), length); }) < 0) {
            return fail_errno(errno, "truncate", x_path);
        }
        return {};
    }

    Result<std::uint64_t> size() override {
        struct stat info{};
        if (::fstat(x_descriptor.get(), &info) < 0) {
            return fail_errno(errno, "inspect", x_path);
        }
        return static_cast<std::uint64_t>(info.st_size);
    }

    int descriptor() const override { return x_descriptor.get(); }

 private:
    OwnedDescriptor x_descriptor;
    std::string x_path;
};

Status PosixFile::write_pieces_at(std::uint64_t offset, std::span<const BytesView> pieces) {
    std::size_t skip = 0;  // bytes of the first piece that are written already
    while (!pieces.empty()) {
        std::array<iovec, kPiecesPerCall> vector{};
        std::size_t used = 0;
        for (; used < std::min(pieces.size(), kPiecesPerCall); ++used) {
            const BytesView rest = pieces[used].subspan(used == 0 ? skip : 0);
            vector[used] = {const_cast<std::byte*>(rest.data()), rest.size()};
        }
        const ssize_t count = retry_interrupted([&] {
            return ::pwritev(x_descriptor.get(), vector.data(), static_cast<int>(used),
                             static_cast<off_t>(offset));
        });
        if (count < 0) {
            return fail_errno(errno, "write", x_path);
        }
        offset += static_cast<std::uint64_t>(count);
        skip += static_cast<std::size_t>(count);
        while (!pieces.empty() && skip >= pieces.front().size()) {
            skip -= pieces.front().size();
            pieces = pieces.subspan(1);
        }
    }
    return {};
}

class PosixFileLock final : public FileLock {
 public:
    explicit PosixFileLock(OwnedDescriptor descriptor) : x_descriptor(std::move(descriptor)) {}

 private:
    OwnedDescriptor x_descriptor;
};

class PosixFileSystem final : public FileSystem {
 public:
    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
        OwnedDescriptor descriptor = TRY(open_descriptor(path, flags_of(mode)));
        return std::make_unique<PosixFile>(std::move(descriptor), path);
    }

    bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

    Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;

    Status make_directories(const std::string& path) override {
        std::error_code error;
        std::filesystem::create_directories(path, error);
        if (error) {
            return fail_errno(error.value(), "make directory", path);
        }
        return {};
    }

    Status rename(const std::string& from, const std::string& to) override {
        if (::rename(from.c_str(), to.c_str()) < 0) {
            return fail_errno(errno, "rename", fmt::format("{} to {}", from, to));
        }
        return {};
    }

    Status remove(const std::string& path) override {
        if (::remove(path.c_str()) < 0) {
            return fail_errno(errno, "remove", path);
        }
        return {};
    }

    Status remove_tree(const std::string& path) override {
        std::error_code error;
        const auto removed = std::filesystem::remove_all(path, error);
        if (error) {
            return fail_errno(error.value(), "remove", path);
        }
        return removed == 0 ? Status(fail_errno(ENOENT, "remove", path)) : Status();
    }

    Status sync_directory(const std::string& path) override {
        const OwnedDescriptor descriptor = TRY(open_descriptor(path, O_RDONLY | O_DIRECTORY));
        if (retry_interrupted([&] { return ::fsync(descriptor.get()); }) < 0) {
            return fail_errno(errno, "sync directory", path);
        }
        return {};
    }

    Result<std::uint64_t> free_bytes(const std::string& path) override {
        struct statvfs info{};
        if (retry_interrupted([&] { return ::statvfs(path.c_str(), &info); }) < 0) {
            return fail_errno(errno, "inspect", path);
        }
        return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
    }

    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
        OwnedDescriptor descriptor = TRY(open_descriptor(path, O_RDWR | O_CREAT));
        if (retry_interrupted([&] { return ::flock(descriptor.get(), LOCK_EX | LOCK_NB); }) < 0) {
            if (errno == EWOULDBLOCK) {
                return fail(Errc::busy, fmt::format("{} is locked by another process", path));
            }
            return fail_errno(errno, "lock", path);
        }
        return std::make_unique<PosixFileLock>(std::move(descriptor));
    }
};

Result<std::vector<DirectoryEntry>> PosixFileSystem::list(const std::string& directory) {
    const std::unique_ptr<DIR, int (*)(DIR*)> open_directory(::opendir(directory.c_str()),
                                                             &::closedir);
    if (open_directory == nullptr) {
        return fail_errno(errno, "list", directory);
    }
    std::vector<DirectoryEntry> entries;
    for (;;) {
        errno = 0;
        const dirent* const found = ::readdir(open_directory.get());
        if (found == nullptr) {
            break;
        }
        const std::string_view name(found->d_name);
        struct stat info{};
        // A file removed since readdir saw it is left out.
        if (name == "." || name == ".." ||
            ::fstatat(::dirfd(open_directory.get()), found->d_name, &info, 0) < 0) {
            continue;
        }
        const bool is_directory = S_ISDIR(info.st_mode);
        entries.push_back(
            {.name = std::string(name),
             .is_directory = is_directory,
             .size = is_directory ? 0 : static_cast<std::uint64_t>(info.st_size),
             .modified_millis = static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000 +
                                info.st_mtim.tv_nsec / 1'000'000});
    }
    if (errno != 0) {
        return fail_errno(errno, "list", directory);
    }
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
}

}  // namespace

std::unique_ptr<FileSystem> make_posix_file_system() {
    return std::make_unique<PosixFileSystem>();
}

}  // namespace millrace::runtime
