#include "operator/local/process_runtime.h"

#include <csignal>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"
#include "operator/local/log_marks.h"
#include "operator/local/log_reader.h"
#include "operator/local/pod_run.h"

namespace millrace::kube_operator::local {
namespace {

using kube::text_at;
using kube::value_at;

constexpr Duration kLogCheck = 1s;  // how exactly the times of lines are known
constexpr std::uint64_t kLogBytesMax = 64 << 20;

class PodProcesses final : public ProcessRuntime {
 public:
    PodProcesses(runtime::Runtime& runtime, runtime::ProcessRunner& processes, ApiServer& server,
                 const ProcessRuntimeOptions& options)
        : x_addresses(options.directory),
          x_server(server),
          x_context{runtime,           processes,        server.core(),     x_addresses, x_marks,
                    options.directory, options.programs, options.node_name, {}},
          x_stop_stage(options.stop_stage),
          x_alive(std::make_shared<bool>(true)) {}

    ~PodProcesses() override {
        *x_alive = false;
        x_context.runtime.loop.cancel(x_log_timer);
    }

    void start() override {
        take_survivors();
        for (const JsonPtr& pod : x_context.core.store().list("pods", "")) {
            const std::string address = text_at(*pod, {"status", "podIP"});
            if (!address.empty()) {
                x_addresses.restore(text_at(*pod, {"metadata", "namespace"}),
                                    text_at(*pod, {"metadata", "name"}), address);
            }
        }
        for (const ObjectKey& key : x_context.core.store().keys("pods", "")) {
            x_changed.insert(key);
        }
        // The store tells while it changes; pods are looked at afterwards, in a turn of their own.
        x_context.core.store().observe([this, alive = x_alive](const Change& change) {
            if (*alive) {
                note(change);
            }
        });
        look_later();
        check_logs();
    }

    std::string address_of(const std::string& name_space, const std::string& pod) override {
        return x_addresses.address_of(name_space, pod);
    }

    void stop(std::function<void()> then) override {
        x_stopping = true;
        std::map<int, std::vector<std::shared_ptr<PodRun>>> stages;
        for (const auto& [key, pod] : x_pods) {
            const JsonPtr object = x_context.core.store().find(key);
            stages[object && x_stop_stage ? x_stop_stage(*object) : 0].push_back(pod);
        }
        auto order = std::make_shared<std::vector<std::vector<std::shared_ptr<PodRun>>>>();
        for (auto& [stage, pods] : stages) {
            order->push_back(std::move(pods));
        }
        stop_next(order, 0, std::move(then));
    }

    void send(const LogStart& log, std::shared_ptr<runtime::HttpResponder> responder) override {
        const ObjectKey key{"pods", log.name_space, log.pod};
        auto found = x_pods.find(key);
        LogSource source;
        source.path = log_path(x_context, key, log.container, log.previous);
        const std::weak_ptr<PodRun> pod = found == x_pods.end() ? nullptr : found->second;
        source.growing = [pod, container = log.container, previous = log.previous] {
            const std::shared_ptr<PodRun> alive = pod.lock();
            return !previous && alive && alive->running(container);
        };
        source.written_by = [this, alive = x_alive, path = source.path](std::uint64_t offset) {
            if (!*alive) {
                return WallTime{};
            }
            if (!x_marks.covers(path, offset)) {
                look_at_logs();
            }
            return x_marks.written_by(path, offset);
        };
        source.first_since = [this, alive = x_alive, path = source.path](WallTime since) {
            return *alive ? x_marks.first_since(path, since) : std::uint64_t{0};
        };
        look_at_logs();
        send_log(x_context.runtime, log, std::move(source), std::move(responder));
    }

 private:
    using StopOrder = std::shared_ptr<std::vector<std::vector<std::shared_ptr<PodRun>>>>;

    void stop_next(const StopOrder& order, std::size_t stage, std::function<void()> then) {
        if (stage == order->size()) {
            then();
            return;
        }
        auto left = std::make_shared<std::size_t>((*order)[stage].size());
        for (const std::shared_ptr<PodRun>& pod : (*order)[stage]) {
            pod->shut_down([this, order, stage, left, then, alive = x_alive] {
                if (--*left == 0 && *alive) {
                    stop_next(order, stage + 1, then);
                }
            });
        }
    }

    // What belongs to no container of a pod has nobody who would ever end it.
    void take_survivors() {
        std::set<std::pair<std::string, std::string>> wanted;
        for (const JsonPtr& pod : x_context.core.store().list("pods", "")) {
            for (const nlohmann::json& container : value_at(*pod, {"spec", "containers"})) {
                wanted.emplace(text_at(*pod, {"metadata", "uid"}), text_at(container, {"name"}));
            }
        }
        x_context.survivors = find_survivors(x_context.processes, x_context.directory);
        std::erase_if(x_context.survivors, [&](const auto& one) {
            const Survivor& survivor = one.second;
            if (wanted.contains(one.first)) {
                return false;
            }
            log_warning("pods", "process {}, container {} of a pod that is gone, is killed",
                        survivor.process.pid, survivor.mark.container);
            [[maybe_unused]] const Status sent =
                x_context.processes.signal(survivor.process, SIGKILL);
            return true;
        });
    }

    void note(const Change& change) {
        const std::string& resource = change.key.resource;
        if (resource == "pods") {
            x_changed.insert(change.key);
        } else if (resource == "configmaps" || resource == "secrets") {
            x_stale.insert(change.key.name_space);
        } else if (resource == "persistentvolumeclaims" && change.kind == Change::Kind::deleted) {
            x_doomed.insert(claim_directory(x_context.directory + "/volumes", *change.object));
        } else {
            return;
        }
        look_later();
    }

    void look_later() {
        if (std::exchange(x_looking, true)) {
            return;
        }
        x_context.runtime.loop.post([this, alive = x_alive] {
            if (*alive) {
                x_looking = false;
                look_once_durable();
            }
        });
    }

    void look_once_durable() {
        auto changed = std::make_shared<std::set<ObjectKey>>(std::exchange(x_changed, {}));
        x_server.flush([this, alive = x_alive, changed](const Status& flushed) {
            if (!*alive) {
                return;
            }
            if (flushed) {
                look(*changed);
            } else if (!std::exchange(x_disk_failed, true)) {
                log_error("pods", "pods stay as they are, for objects cannot be stored: {}",
                          flushed.error().to_string());
            }
        });
    }

    void look(const std::set<ObjectKey>& changed) {
        if (x_stopping) {
            return;
        }
        for (const ObjectKey& key : changed) {
            look_at(key);
        }
        for (const std::string& name_space : std::exchange(x_stale, {})) {
            for (const auto& [key, pod] : x_pods) {
                if (key.name_space == name_space) {
                    pod->refresh_files();
                }
            }
        }
        remove_doomed();
    }

    void look_at(const ObjectKey& key) {
        const JsonPtr pod = x_context.core.store().find(key);
        auto found = x_pods.find(key);
        const std::string uid = pod ? text_at(*pod, {"metadata", "uid"}) : std::string();
        if (found != x_pods.end()) {
            if (pod && uid == found->second->uid()) {
                found->second->update(pod);
            } else {
                // The next pod of this name begins when the processes of the old one are gone.
                found->second->abandon();
            }
            return;
        }
        const std::string phase = pod ? text_at(*pod, {"status", "phase"}) : std::string();
        if (!pod || phase == "Succeeded" || phase == "Failed") {
            return;
        }
        auto run = std::make_shared<PodRun>(x_context, key, pod, [this, key, alive = x_alive] {
            if (*alive) {
                x_pods.erase(key);
                x_changed.insert(key);
                look_later();
            }
        });
        x_pods.emplace(key, run);
        run->start();
        if (!value_at(*pod, {"metadata", "deletionTimestamp"}).is_null()) {
            run->update(pod);
        }
    }

    // Directories of deleted claims go when no pod may still write to them.
    void remove_doomed() {
        if (x_doomed.empty()) {
            return;
        }
        std::set<std::string> used;
        for (const auto& [key, pod] : x_pods) {
            const JsonPtr object = x_context.core.store().find(key);
            if (!object) {
                return;  // a pod that is ending; it is looked at again when it is over
            }
            for (const nlohmann::json& volume : value_at(*object, {"spec", "volumes"})) {
                used.insert(fmt::format("{}_{}_", key.name_space,
                                        text_at(volume, {"persistentVolumeClaim", "claimName"})));
            }
        }
        for (auto it = x_doomed.begin(); it != x_doomed.end();) {
            const std::string name = it->substr(it->rfind('/') + 1);
            const bool in_use = std::ranges::any_of(
                used, [&name](const std::string& claim) { return name.starts_with(claim); });
            if (in_use) {
                ++it;
                continue;
            }
            if (x_context.runtime.files.exists(*it)) {
                if (const Status removed = x_context.runtime.files.remove_tree(*it); !removed) {
                    log_warning("pods", "{} could not be removed: {}", *it,
                                removed.error().to_string());
                }
            }
            it = x_doomed.erase(it);
        }
    }

    void check_logs() {
        x_log_timer = x_context.runtime.loop.run_after(kLogCheck, [this] { check_logs(); });
        if (!x_pods.empty()) {
            look_at_logs();
        }
    }

    void look_at_logs() {
        const std::string directory = x_context.directory + "/logs";
        if (!x_context.runtime.files.exists(directory)) {
            return;
        }
        const Result<std::vector<runtime::DirectoryEntry>> entries =
            x_context.runtime.files.list(directory);
        std::vector<std::string> paths;
        for (const runtime::DirectoryEntry& entry :
             entries ? *entries : std::vector<runtime::DirectoryEntry>()) {
            paths.push_back(runtime::join_path(directory, entry.name));
            x_marks.note(paths.back(), entry.size, WallTime{entry.modified_millis});
            if (entry.size > kLogBytesMax) {
                empty_log(paths.back(), entry.size);
            }
        }
        std::ranges::sort(paths);
        x_marks.keep_only(paths);
    }

    // Logs are appended to by the processes themselves, so a log that is too long is emptied in place.
    void empty_log(const std::string& path, std::uint64_t size) {
        auto file = x_context.runtime.files.open(path, runtime::OpenMode::read_write);
        if (file && (*file)->truncate(0)) {
            log_info("pods", "{} had {} bytes and was emptied", path, size);
        }
    }

    LogMarks x_marks;
    AddressPool x_addresses;
    ApiServer& x_server;
    PodContext x_context;
    std::map<ObjectKey, std::shared_ptr<PodRun>> x_pods;
    std::set<ObjectKey> x_changed;
    std::set<std::string> x_stale;
    std::set<std::string> x_doomed;
    runtime::TimerId x_log_timer = runtime::TimerId::none;
    bool x_looking = false;
    bool x_disk_failed = false;
    std::function<int(const nlohmann::json&)> x_stop_stage;
    bool x_stopping = false;
    std::shared_ptr<bool> x_alive;
};

}  // namespace

std::unique_ptr<ProcessRuntime> make_process_runtime(runtime::Runtime& runtime,
                                                     runtime::ProcessRunner& processes,
                                                     ApiServer& server,
                                                     const ProcessRuntimeOptions& options) {
    return std::make_unique<PodProcesses>(runtime, processes, server, options);
}

}  // namespace millrace::kube_operator::local
