#include "tests/sim/zk_history.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::sim {

ZkHistory::WriteId ZkHistory::write_begins(WriteKind kind, std::string path, std::string value,
                                           Instant at) {
    x_by_value.emplace(value, x_writes.size());
    x_writes.push_back({kind, std::move(path), std::move(value), at, x_greatest, 0, 0});
    return x_writes.size() - 1;
}

void ZkHistory::write_acknowledged(WriteId write, const Done& answer) {
    Write& done = x_writes[write];
    done.zxid = answer.zxid;
    done.version = answer.version;
    ++x_acknowledged;
    if (done.kind == WriteKind::sequential && !answer.path.starts_with(done.path)) {
        x_report(fmt::format("a sequential node of {} was created as {}", done.path, answer.path));
    }
    done.path = answer.path;
    const std::int64_t zxid = answer.zxid;
    if (zxid <= done.floor) {
        x_report(fmt::format("write {} got zxid {:#x}, but {:#x} had been acknowledged before it",
                             done.value, zxid, done.floor));
    }
    const auto [other, is_first] = x_by_zxid.emplace(zxid, write);
    if (!is_first) {
        x_report(fmt::format("writes {} and {} have the same zxid {:#x}",
                             x_writes[other->second].value, done.value, zxid));
    }
    x_greatest = std::max(x_greatest, zxid);
    x_seen[done.path] = std::max(x_seen[done.path], zxid);
}

void ZkHistory::write_refused(WriteId write, std::string_view why) {
    x_report(fmt::format("write {} to {} was refused: {}", x_writes[write].value,
                         x_writes[write].path, why));
}

std::int64_t ZkHistory::floor(const std::string& path) const {
    const auto seen = x_seen.find(path);
    return seen == x_seen.end() ? 0 : seen->second;
}

void ZkHistory::read_answered(const std::string& path, std::int64_t floor, std::int64_t zxid,
                              const std::string& value) {
    if (zxid < floor) {
        x_report(fmt::format("a read of {} went back: zxid {:#x}, but {:#x} was there before", path,
                             zxid, floor));
    }
    const auto written = x_by_value.find(value);
    if (written == x_by_value.end()) {
        x_report(fmt::format("a read of {} shows {}, which nobody wrote", path, value));
    } else if (const std::int64_t own = x_writes[written->second].zxid; own != 0 && own != zxid) {
        x_report(fmt::format("{} was acknowledged with zxid {:#x} and read with {:#x}", value, own,
                             zxid));
    }
    x_seen[path] = std::max(x_seen[path], zxid);
}

void ZkHistory::answered(const std::string& client, std::int64_t zxid) {
    std::int64_t& last = x_last_answer[client];
    if (zxid < last) {
        x_report(
            fmt::format("answers to {} went back from zxid {:#x} to {:#x}", client, last, zxid));
    }
    last = std::max(last, zxid);
}

void ZkHistory::check_order() {
    std::map<std::string, const Write*> last_of_path;
    const Write* last_sequential = nullptr;
    for (const auto& [zxid, id] : x_by_zxid) {
        const Write& write = x_writes[id];
        if (write.kind == WriteKind::set) {
            const Write*& last = last_of_path[write.path];
            if (last != nullptr && write.version <= last->version) {
                x_report(fmt::format("{} had version {} with zxid {:#x} and {} with {:#x}",
                                     write.path, last->version, last->zxid, write.version, zxid));
            }
            last = &write;
        } else if (write.kind == WriteKind::sequential) {
            // All in one folder, with numbers of ten digits.
            if (last_sequential != nullptr && write.path <= last_sequential->path) {
                x_report(fmt::format("{} was created after {}", write.path, last_sequential->path));
            }
            last_sequential = &write;
        }
    }
}

void ZkHistory::check_final(const std::map<std::string, NodeState>& nodes,
                            const std::vector<std::string>& together) {
    check_order();
    for (const std::string& path : together) {
        const auto first = nodes.find(together.front());
        const auto node = nodes.find(path);
        if (first == nodes.end() || node == nodes.end() ||
            node->second.value != first->second.value) {
            x_report(
                fmt::format("{} and {}, always written together, differ", together.front(), path));
        }
    }
    for (const Write& write : x_writes) {
        if (write.zxid == 0) {
            continue;
        }
        const auto node = nodes.find(write.path);
        if (node == nodes.end()) {
            x_report(fmt::format("lost: {} was created with zxid {:#x} and is gone", write.path,
                                 write.zxid));
        } else if (node->second.zxid < write.zxid) {
            x_report(fmt::format("lost: write {} to {} had zxid {:#x}, the node has {:#x}",
                                 write.value, write.path, write.zxid, node->second.zxid));
        } else if (node->second.zxid == write.zxid && node->second.value != write.value) {
            x_report(fmt::format("{} holds {} with the zxid of write {}", write.path,
                                 node->second.value, write.value));
        }
    }
    for (const auto& [path, seen] : x_seen) {
        const auto node = nodes.find(path);
        if (node == nodes.end() || node->second.zxid < seen) {
            x_report(fmt::format("{} was read with zxid {:#x}, which has vanished", path, seen));
        }
    }
    for (const auto& [path, node] : nodes) {
        if (!x_by_value.contains(node.value)) {
            x_report(fmt::format("{} holds {}, which nobody wrote", path, node.value));
        }
    }
}

}  // namespace millrace::sim
