#include "coordinator/tree/watches.h"

#include <algorithm>
#include <bit>

#include "lib/base/check.h"

namespace millrace::coordinator::tree {

namespace {

constexpr std::uint8_t kData = static_cast<std::uint8_t>(WatchKind::data);
constexpr std::uint8_t kChild = static_cast<std::uint8_t>(WatchKind::child);
constexpr std::uint8_t kPersistent = static_cast<std::uint8_t>(WatchKind::persistent);
constexpr std::uint8_t kRecursive = static_cast<std::uint8_t>(WatchKind::persistent_recursive);
constexpr std::uint8_t kOneShot = kData | kChild;

}  // namespace

Watches::Kinds Watches::selected(WatchSelection selection) {
    switch (selection) {
        case WatchSelection::children:
            return kChild;
        case WatchSelection::data:
            return kData;
        case WatchSelection::any:
            return kData | kChild | kPersistent | kRecursive;
        case WatchSelection::persistent:
            return kPersistent;
        case WatchSelection::persistent_recursive:
            return kRecursive;
    }
    return 0;
}

std::size_t Watches::counted(Kinds kinds) {
    const auto ones = [](unsigned bits) { return static_cast<std::size_t>(std::popcount(bits)); };
    return ones(kinds) + ones(kinds & (kPersistent | kRecursive));
}

Watches::Kinds Watches::kinds_of(WatcherId watcher, std::string_view path) const {
    const auto place = x_paths.find(path);
    if (place == x_paths.end()) {
        return 0;
    }
    const auto found = place->second.find(watcher);
    return found == place->second.end() ? Kinds{0} : found->second;
}

void Watches::add(WatcherId watcher, std::string_view path, WatchKind kind) {
    auto place = x_paths.find(path);
    if (place == x_paths.end()) {
        place = x_paths.emplace(std::string(path), Watchers()).first;
    }
    Kinds& kinds = place->second[watcher];
    if (kinds == 0) {
        x_watchers[std::to_underlying(watcher)].insert(place->first);
    }
    // The modes of one watcher on one path stand beside each other (3.9).
    const Kinds wanted = kinds | bit(kind);
    x_count += counted(wanted) - counted(kinds);
    x_recursive += ((wanted & kRecursive) != 0 ? 1U : 0U);
    x_recursive -= ((kinds & kRecursive) != 0 ? 1U : 0U);
    kinds = wanted;
}

bool Watches::has(WatcherId watcher, std::string_view path, WatchSelection selection) const {
    return (kinds_of(watcher, path) & selected(selection)) != 0;
}

Watches::Watchers::iterator Watches::take(Paths::iterator place, Watchers::iterator watcher,
                                          Kinds kinds) {
    Kinds& held = watcher->second;
    const Kinds left = held & static_cast<Kinds>(~kinds);
    x_count -= counted(held) - counted(left);
    x_recursive -= (held & kinds & kRecursive) != 0 ? 1U : 0U;
    held = left;
    if (left != 0) {
        return std::next(watcher);
    }
    const auto paths = x_watchers.find(std::to_underlying(watcher->first));
    CHECK(paths != x_watchers.end());
    paths->second.erase(place->first);
    if (paths->second.empty()) {
        x_watchers.erase(paths);
    }
    return place->second.erase(watcher);
}

bool Watches::remove(WatcherId watcher, std::string_view path, WatchSelection selection) {
    if (!has(watcher, path, selection)) {
        return false;
    }
    const auto place = x_paths.find(path);
    take(place, place->second.find(watcher), selected(selection));
    if (place->second.empty()) {
        x_paths.erase(place);
    }
    return true;
}

void Watches::drop(WatcherId watcher) {
    const auto found = x_watchers.find(std::to_underlying(watcher));
    if (found == x_watchers.end()) {
        return;
    }
    const std::set<std::string_view> paths = std::move(found->second);
    x_watchers.erase(found);
    for (const std::string_view path : paths) {
        const auto place = x_paths.find(path);
        CHECK(place != x_paths.end());
        const auto entry = place->second.find(watcher);
        x_count -= counted(entry->second);
        x_recursive -= (entry->second & kRecursive) != 0 ? 1U : 0U;
        place->second.erase(entry);
        if (place->second.empty()) {
            x_paths.erase(place);
        }
    }
}

void Watches::fire_at(std::string_view path, Kinds concerned, std::vector<WatcherId>& told) {
    const auto place = x_paths.find(path);
    if (place == x_paths.end()) {
        return;
    }
    for (auto watcher = place->second.begin(); watcher != place->second.end();) {
        const Kinds hit = watcher->second & concerned;
        if (hit == 0) {
            ++watcher;
            continue;
        }
        told.push_back(watcher->first);
        watcher = take(place, watcher, hit & kOneShot);
    }
    if (place->second.empty()) {
        x_paths.erase(place);
    }
}

void Watches::fire(EventType type, std::string_view path, std::vector<WatcherId>& told) {
    told.clear();
    if (x_paths.empty()) {
        return;
    }
    switch (type) {
        case EventType::created:
        case EventType::data_changed:
            fire_at(path, kData | kPersistent | kRecursive, told);
            break;
        case EventType::deleted:
            fire_at(path, kData | kChild | kPersistent | kRecursive, told);
            break;
        case EventType::children_changed:
            fire_at(path, kChild | kPersistent, told);
            return;
        case EventType::none:
            return;
    }
    if (x_recursive == 0) {
        return;
    }
    while (path != "/") {
        path = parent_of(path);
        fire_at(path, kRecursive, told);
    }
    std::ranges::sort(told);
    const auto repeated = std::ranges::unique(told);
    told.erase(repeated.begin(), repeated.end());
}

std::vector<Watches::Missed> Watches::restore(WatcherId watcher, const FormerWatches& former,
                                              const NodeTree& tree) {
    std::vector<Missed> missed;
    for (const std::string& path : former.data) {
        const Node* node = tree.find(path);
        if (node == nullptr) {
            missed.push_back({EventType::deleted, path});
        } else if (node->stat.mzxid > former.seen_zxid) {
            missed.push_back({EventType::data_changed, path});
        } else {
            add(watcher, path, WatchKind::data);
        }
    }
    for (const std::string& path : former.exists) {
        if (tree.find(path) != nullptr) {
            missed.push_back({EventType::created, path});
        } else {
            add(watcher, path, WatchKind::data);
        }
    }
    for (const std::string& path : former.child) {
        const Node* node = tree.find(path);
        if (node == nullptr) {
            missed.push_back({EventType::deleted, path});
        } else if (node->stat.pzxid > former.seen_zxid) {
            missed.push_back({EventType::children_changed, path});
        } else {
            add(watcher, path, WatchKind::child);
        }
    }
    for (const std::string& path : former.persistent) {
        add(watcher, path, WatchKind::persistent);
    }
    for (const std::string& path : former.persistent_recursive) {
        add(watcher, path, WatchKind::persistent_recursive);
    }
    return missed;
}

std::map<WatcherId, std::set<std::string>> Watches::by_watcher() const {
    std::map<WatcherId, std::set<std::string>> result;
    for (const auto& [watcher, paths] : x_watchers) {
        result[WatcherId{watcher}] = {paths.begin(), paths.end()};
    }
    return result;
}

std::map<std::string, std::set<WatcherId>> Watches::by_path() const {
    std::map<std::string, std::set<WatcherId>> result;
    for (const auto& [path, watchers] : x_paths) {
        for (const auto& [watcher, kinds] : watchers) {
            result[path].insert(watcher);
        }
    }
    return result;
}

void Watches::invariants() const {
    std::size_t count = 0;
    std::size_t recursive = 0;
    std::size_t pairs = 0;
    for (const auto& [path, watchers] : x_paths) {
        CHECK(!watchers.empty());
        pairs += watchers.size();
        for (const auto& [watcher, kinds] : watchers) {
            CHECK(kinds != 0);
            count += counted(kinds);
            recursive += (kinds & kRecursive) != 0 ? 1U : 0U;
            const auto paths = x_watchers.find(std::to_underlying(watcher));
            CHECK(paths != x_watchers.end() && paths->second.contains(path));
        }
    }
    CHECK(count == x_count && recursive == x_recursive);
    for (const auto& [watcher, paths] : x_watchers) {
        CHECK(!paths.empty());
        pairs -= paths.size();
    }
    CHECK(pairs == 0);
}

}  // namespace millrace::coordinator::tree
