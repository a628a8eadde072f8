#include "operator/local/object_files.h"

#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

// The numbering continues above what was reserved, so that a number is never used twice, also after the newest object was
// deleted.
constexpr std::uint64_t kReserveStep = 10'000;
constexpr const char* kReservation = "reserved-revision";
constexpr const char* kClusterFolder = "_cluster";
constexpr std::size_t kFileMax = 4 << 20;
constexpr std::size_t kBatchMax = 256;

}  // namespace

// What one turn of the disk lane does.
struct ObjectFiles::Batch {
    std::vector<std::pair<std::string, std::shared_ptr<const std::string>>> files;
    std::uint64_t reserve = 0;  // above 0: write this reservation first
    std::uint64_t revision = 0;
    Status result;
};

ObjectFiles::ObjectFiles(runtime::Runtime& runtime, std::string directory,
                         std::unique_ptr<runtime::FileLock> lock)
    : x_runtime(runtime),
      x_directory(std::move(directory)),
      x_lock(std::move(lock)),
      x_lane(runtime.disk.new_lane()),
      x_alive(std::make_shared<bool>(true)) {}

ObjectFiles::~ObjectFiles() {
    *x_alive = false;
}

Result<std::unique_ptr<ObjectFiles>> ObjectFiles::open(runtime::Runtime& runtime,
                                                       const std::string& directory) {
    const std::string objects = runtime::join_path(directory, "objects");
    TRY(runtime.files.make_directories(objects));
    std::unique_ptr<runtime::FileLock> lock =
        TRY(runtime.files.lock(runtime::join_path(directory, "lock")));
    return std::unique_ptr<ObjectFiles>(new ObjectFiles(runtime, objects, std::move(lock)));
}

std::string ObjectFiles::path_of(const ObjectKey& key) const {
    return fmt::format("{}/{}/{}/{}.json", x_directory, key.resource,
                       key.name_space.empty() ? kClusterFolder : key.name_space, key.name);
}

Status ObjectFiles::load(Store& store) {
    std::uint64_t newest = 0;
    const std::string reservation = runtime::join_path(x_directory, kReservation);
    if (x_runtime.files.exists(reservation)) {
        const Bytes bytes = TRY(x_runtime.files.read_file(reservation, 64));
        newest = std::strtoull(to_text(bytes).c_str(), nullptr, 10);
    }
    for (const runtime::DirectoryEntry& entry : TRY(x_runtime.files.list(x_directory))) {
        if (entry.is_directory) {
            TRY(load_collection(store, entry.name, newest));
        }
    }
    store.continue_after(newest);
    x_taken = newest;
    x_durable = newest;
    x_reserved = newest;
    store.observe([this](const Change& change) { take(change); });
    return {};
}

Status ObjectFiles::load_collection(Store& store, const std::string& resource,
                                    std::uint64_t& newest) {
    const std::string directory = runtime::join_path(x_directory, resource);
    for (const runtime::DirectoryEntry& entry : TRY(x_runtime.files.list(directory))) {
        if (entry.is_directory) {
            TRY(load_folder(store, resource, runtime::join_path(directory, entry.name), newest));
        }
    }
    return {};
}

Status ObjectFiles::load_folder(Store& store, const std::string& resource,
                                const std::string& folder, std::uint64_t& newest) {
    for (const runtime::DirectoryEntry& entry : TRY(x_runtime.files.list(folder))) {
        const std::string path = runtime::join_path(folder, entry.name);
        if (entry.name.ends_with(".tmp")) {
            TRY(x_runtime.files.remove(path));
        }
        if (!entry.name.ends_with(".json")) {
            continue;
        }
        const Bytes bytes = TRY(x_runtime.files.read_file(path, kFileMax));
        Result<nlohmann::json> object = kube::parse_json(as_text(bytes));
        const std::string name =
            object ? kube::text_at(*object, {"metadata", "name"}) : std::string();
        if (name + ".json" != entry.name) {
            log_warning("api", "{} holds no object of its name and is set aside", path);
            TRY(x_runtime.files.rename(path, path + ".bad"));
            ++x_set_aside;
            continue;
        }
        newest = std::max<std::uint64_t>(
            newest, std::strtoull(kube::text_at(*object, {"metadata", "resourceVersion"}).c_str(),
                                  nullptr, 10));
        const ObjectKey key = key_of(resource, *object);
        store.restore(key, std::make_shared<const nlohmann::json>(std::move(*object)));
    }
    return {};
}

void ObjectFiles::take(const Change& change) {
    x_pending[change.key] = {change.kind == Change::Kind::deleted ? nullptr : change.text,
                             change.revision};
    x_taken = change.revision;
    if (!x_writing) {
        x_writing = true;
        // The other changes of this turn join the batch.
        x_runtime.loop.at_turn_end([this, alive = x_alive] {
            if (*alive) {
                write_next();
            }
        });
    }
}

void ObjectFiles::write_next() {
    auto batch = std::make_shared<Batch>();
    while (!x_pending.empty() && batch->files.size() < kBatchMax) {
        auto first = x_pending.begin();
        batch->files.emplace_back(path_of(first->first), std::move(first->second.text));
        x_pending.erase(first);
    }
    // With changes left over, an older one may be among them.
    batch->revision = x_taken;
    for (const auto& [key, pending] : x_pending) {
        batch->revision = std::min(batch->revision, pending.revision - 1);
    }
    if (x_taken > x_reserved) {
        batch->reserve = x_taken + kReserveStep;
        x_reserved = batch->reserve;
    }
    runtime::FileSystem& files = x_runtime.files;
    const std::string directory = x_directory;
    x_runtime.disk.submit(
        x_lane,
        [batch, &files, directory] {
            auto write_all = [&]() -> Status {
                if (batch->reserve > 0) {
                    TRY(files.replace_file(runtime::join_path(directory, kReservation),
                                           as_bytes(std::to_string(batch->reserve))));
                }
                for (const auto& [path, text] : batch->files) {
                    if (!text) {
                        const Status removed = files.remove(path);
                        if (!removed && removed.error().code != Errc::not_found) {
                            return removed;
                        }
                        continue;
                    }
                    TRY(files.make_directories(path.substr(0, path.rfind('/'))));
                    TRY(files.replace_file(path, as_bytes(*text)));
                }
                return {};
            };
            batch->result = write_all();
        },
        [this, batch, alive = x_alive] {
            if (*alive) {
                finish(*batch);
            }
        });
}

void ObjectFiles::finish(const Batch& batch) {
    if (!batch.result && x_failure) {
        log_error("api", "objects can no longer be written: {}", batch.result.error().to_string());
        x_failure = batch.result;
    }
    x_durable = std::max(x_durable, batch.revision);
    x_writing = !x_pending.empty();
    if (x_writing) {
        write_next();
    }
    answer_waiters();
}

void ObjectFiles::when_durable(std::uint64_t revision,
                               std::move_only_function<void(const Status&)> then) {
    if (revision <= x_durable || !x_failure) {
        then(x_failure);
        return;
    }
    x_waiters.push_back({revision, std::move(then)});
}

void ObjectFiles::answer_waiters() {
    std::deque<Waiter> waiting = std::exchange(x_waiters, {});
    for (Waiter& waiter : waiting) {
        if (waiter.revision <= x_durable || !x_failure) {
            waiter.then(x_failure);
        } else {
            x_waiters.push_back(std::move(waiter));
        }
    }
}

}  // namespace millrace::kube_operator::local
