#include "lib/zk/client_watches.h"

#include <iterator>

#include "lib/base/check.h"

namespace millrace::zk {
namespace {

constexpr std::size_t kPathBytesMax = 128 << 10;

}  // namespace

ClientWatches::Table& ClientWatches::table(WatchKind kind) {
    switch (kind) {
        case WatchKind::data:
            return x_data;
        case WatchKind::exists:
            return x_exists;
        case WatchKind::children:
            return x_children;
    }
    UNREACHABLE();
}

void ClientWatches::add(WatchKind kind, std::string_view path, Watcher watcher) {
    table(kind)[std::string(path)].push_back(std::move(watcher));
}

void ClientWatches::move_out(Table& table, std::string_view path, std::vector<Watcher>& out) {
    const auto found = table.find(path);
    if (found != table.end()) {
        std::ranges::move(found->second, std::back_inserter(out));
        table.erase(found);
    }
}

std::vector<Watcher> ClientWatches::take(EventType type, std::string_view path) {
    std::vector<Watcher> taken;
    const bool deleted = type == EventType::node_deleted;
    if (deleted || type == EventType::node_created || type == EventType::node_data_changed) {
        move_out(x_data, path, taken);
        move_out(x_exists, path, taken);
    }
    if (deleted || type == EventType::node_children_changed) {
        move_out(x_children, path, taken);
    }
    return taken;
}

std::vector<SetWatches> ClientWatches::set_again(std::int64_t last_zxid_seen) const {
    std::vector<SetWatches> requests;
    std::size_t bytes = kPathBytesMax;
    const auto add_all = [&](const Table& table, std::vector<std::string> SetWatches::* list) {
        for (const auto& [path, watchers] : table) {
            if (bytes >= kPathBytesMax) {
                requests.emplace_back().relative_zxid = last_zxid_seen;
                bytes = 0;
            }
            (requests.back().*list).push_back(path);
            bytes += path.size() + 4;
        }
    };
    add_all(x_data, &SetWatches::data_watches);
    add_all(x_exists, &SetWatches::exist_watches);
    add_all(x_children, &SetWatches::child_watches);
    return requests;
}

bool ClientWatches::empty() const {
    return x_data.empty() && x_exists.empty() && x_children.empty();
}

void ClientWatches::clear() {
    x_data.clear();
    x_exists.clear();
    x_children.clear();
}

}  // namespace millrace::zk
