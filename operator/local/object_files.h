// The store on a disk: one file per object below DIRECTORY/objects, replaced atomically, written in the order of the changes by
// the disk pool. Several changes of one object that wait together become one write.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lib/runtime/runtime.h"
#include "operator/local/store.h"

namespace millrace::kube_operator::local {

class ObjectFiles {
 public:
    // Takes the directory's lock. Errors: busy when another process has it, io_error.
    static Result<std::unique_ptr<ObjectFiles>> open(runtime::Runtime& runtime,
                                                     const std::string& directory);
    ~ObjectFiles();

    // Reads everything back into an empty store and continues its numbering. Files that are no objects are set aside under
    // their name with ".bad". Afterwards every change of the store is written.
    Status load(Store& store);

    // Runs once all changes up to the revision are on the disk, at once when they are. After a failed write the status is its
    // error, for ever.
    void when_durable(std::uint64_t revision, std::move_only_function<void(const Status&)> then);

    std::uint64_t files_set_aside() const { return x_set_aside; }

 private:
    struct Pending {
        std::shared_ptr<const std::string> text;  // null: remove
        std::uint64_t revision = 0;
    };
    struct Waiter {
        std::uint64_t revision = 0;
        std::move_only_function<void(const Status&)> then;
    };
    struct Batch;

    ObjectFiles(runtime::Runtime& runtime, std::string directory,
                std::unique_ptr<runtime::FileLock> lock);
    Status load_collection(Store& store, const std::string& resource, std::uint64_t& newest);
    Status load_folder(Store& store, const std::string& resource, const std::string& folder,
                       std::uint64_t& newest);
    std::string path_of(const ObjectKey& key) const;
    void take(const Change& change);
    void write_next();
    void finish(const Batch& batch);
    void answer_waiters();

    runtime::Runtime& x_runtime;
    std::string x_directory;
    std::unique_ptr<runtime::FileLock> x_lock;
    runtime::DiskLane x_lane;
    std::map<ObjectKey, Pending> x_pending;
    std::deque<Waiter> x_waiters;
    std::uint64_t x_taken = 0;    // newest revision handed to us
    std::uint64_t x_durable = 0;  // everything up to here is on the disk
    std::uint64_t x_reserved =
        0;  // revisions up to here may be used without writing the reservation again
    bool x_writing = false;
    Status x_failure;
    std::uint64_t x_set_aside = 0;
    std::shared_ptr<bool> x_alive;
};

}  // namespace millrace::kube_operator::local
