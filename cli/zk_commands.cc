#include "cli/zk_commands.h"

#include <fmt/format.h>

#include <array>

#include "cli/output/stat_block.h"
#include "lib/zk/acl.h"
#include "lib/zk/path.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kInt32Max = 2'147'483'647;

constexpr Option kStat{"s", "", "Print the stat of the node too."};
constexpr Option kWatch{"w", "", "Leave a watch."};
constexpr Option kVersion{"v", "version", "Only if the node has this version."};

constexpr std::array kCreateOptions{
    Option{"s", "", "Append a number."},
    Option{"e", "", "Ephemeral: goes with the session."},
    Option{"c", "", "Container: goes when its last child has gone."},
    Option{"t", "ttl", "Goes after so many milliseconds without change and children."},
};
constexpr std::array kReadOptions{kStat, kWatch};
constexpr std::array kListOptions{kStat, kWatch, Option{"R", "", "All nodes below."}};
constexpr std::array kStatOptions{kWatch};
constexpr std::array kSetOptions{kStat, kVersion};
constexpr std::array kDeleteOptions{kVersion};
constexpr std::array kAclOptions{kStat};

// zk::Answer's error as a Status.
template <class T>
Status status_of(const zk::Answer<T>& answer, std::string_view path) {
    if (answer.ok()) {
        return {};
    }
    return fail(Errc::not_found, shell_error(answer.error, path));
}

// The path at the place given, when it is a legal one.
Result<std::string> path_at(const Options& options, std::size_t index, bool sequential = false) {
    const std::string& path = options.operands()[index];
    if (!path.starts_with('/')) {
        return fail(Errc::invalid_argument, "Path must start with / character");
    }
    if (path.size() > 1 && path.ends_with('/') && !sequential) {
        return fail(Errc::invalid_argument, "Path must not end with / character");
    }
    TRY(zk::validate_path(path, sequential));
    return path;
}

Result<std::int32_t> version_of(const Options& options) {
    const auto version = TRY(options.number("v", -1, kInt32Max));
    return static_cast<std::int32_t>(version.value_or(zk::kAnyVersion));
}

zk::CreateMode mode_of(const Options& options) {
    const bool sequential = options.has("s");
    if (options.has("c")) {
        return zk::CreateMode::container;
    }
    if (options.has("t")) {
        return sequential ? zk::CreateMode::persistent_sequential_with_ttl
                          : zk::CreateMode::persistent_with_ttl;
    }
    if (options.has("e")) {
        return sequential ? zk::CreateMode::ephemeral_sequential : zk::CreateMode::ephemeral;
    }
    return sequential ? zk::CreateMode::persistent_sequential : zk::CreateMode::persistent;
}

Status create(ZkSession& session, const Options& options) {
    if (options.has("c") && (options.has("e") || options.has("s"))) {
        return fail(Errc::invalid_argument,
                    "-c cannot be combined with -s or -e. Containers "
                    "cannot be ephemeral or sequential.");
    }
    if (options.has("t") && options.has("e")) {
        return fail(Errc::invalid_argument,
                    "-t cannot be combined with -e. TTL nodes cannot be ephemeral.");
    }
    const auto ttl = TRY(options.number("t", 1, INT64_MAX));
    zk::CreateOp op;
    op.path = TRY(path_at(options, 0, options.has("s")));
    op.mode = mode_of(options);
    op.acl = zk::open_acl();
    if (options.operands().size() > 1) {
        op.data = to_bytes(options.operands()[1]);
    }
    if (options.operands().size() > 2) {
        op.acl = TRY(zk::parse_acl(options.operands()[2]));
    }
    const std::string path = op.path;
    const auto answer = session.ask<zk::Created>([&](zk::Client& client, auto then) {
        if (ttl) {
            client.create_with_ttl(std::move(op), *ttl, std::move(then));
        } else {
            client.create(op.path, op.data, op.acl, op.mode, std::move(then));
        }
    });
    TRY(status_of(answer, path));
    // On standard error, where the Java tool has it.
    fmt::print(stderr, "Created {}\n", answer.value.path);
    return {};
}

Status get(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const auto answer = session.ask<zk::NodeData>([&](zk::Client& client, auto then) {
        client.get_data(path, session.watcher(options.has("w")), std::move(then));
    });
    TRY(status_of(answer, path));
    fmt::print("{}\n", as_text(answer.value.data));
    if (options.has("s")) {
        fmt::print("{}", stat_block(answer.value.stat));
    }
    return {};
}

Status set(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const std::int32_t version = TRY(version_of(options));
    const auto answer = session.ask<zk::Stat>([&](zk::Client& client, auto then) {
        client.set_data(path, as_bytes(options.operands()[1]), version, std::move(then));
    });
    TRY(status_of(answer, path));
    if (options.has("s")) {
        fmt::print("{}", stat_block(answer.value));
    }
    return {};
}

zk::Answer<zk::NodeChildren> children_of(ZkSession& session, const std::string& path,
                                         zk::Watcher watcher) {
    auto answer = session.ask<zk::NodeChildren>([&](zk::Client& client, auto then) {
        client.get_children(path, std::move(watcher), std::move(then));
    });
    std::ranges::sort(answer.value.names);
    return answer;
}

// Every node at or below the path, parents before their children.
Result<std::vector<std::string>> subtree(ZkSession& session, const std::string& path) {
    std::vector<std::string> found;
    std::vector<std::string> waiting{path};
    while (!waiting.empty()) {
        std::string next = std::move(waiting.back());
        waiting.pop_back();
        const auto answer = children_of(session, next, {});
        // A node below may have gone meanwhile.
        if (!answer.ok() && (next == path || answer.error != zk::ErrorCode::no_node)) {
            return fail(Errc::not_found, shell_error(answer.error, next));
        }
        if (!answer.ok()) {
            continue;
        }
        for (auto name = answer.value.names.rbegin(); name != answer.value.names.rend(); ++name) {
            waiting.push_back(zk::join_path(next, *name));
        }
        found.push_back(std::move(next));
    }
    return found;
}

Status list(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    if (options.has("R")) {
        for (const std::string& node : TRY(subtree(session, path))) {
            fmt::print("{}\n", node);
        }
        return {};
    }
    const auto answer = children_of(session, path, session.watcher(options.has("w")));
    TRY(status_of(answer, path));
    fmt::print("{}\n", bracketed(answer.value.names));
    if (options.has("s")) {
        fmt::print("{}", stat_block(answer.value.stat));
    }
    return {};
}

Status stat(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const auto answer = session.ask<zk::Stat>([&](zk::Client& client, auto then) {
        client.exists(path, session.watcher(options.has("w")), std::move(then));
    });
    TRY(status_of(answer, path));
    fmt::print("{}", stat_block(answer.value));
    return {};
}

Status remove_node(ZkSession& session, const std::string& path, std::int32_t version) {
    const auto answer = session.ask<zk::Nothing>(
        [&](zk::Client& client, auto then) { client.remove(path, version, std::move(then)); });
    return status_of(answer, path);
}

Status remove(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    return remove_node(session, path, TRY(version_of(options)));
}

Status remove_all(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const std::vector<std::string> nodes = TRY(subtree(session, path));
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
        TRY(remove_node(session, *node, zk::kAnyVersion));
    }
    return {};
}

Status get_acl(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const auto answer = session.ask<zk::NodeAcl>(
        [&](zk::Client& client, auto then) { client.get_acl(path, std::move(then)); });
    TRY(status_of(answer, path));
    fmt::print("{}", acl_lines(answer.value.acl));
    if (options.has("s")) {
        fmt::print("{}", stat_block(answer.value.stat));
    }
    return {};
}

Status set_acl(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const std::vector<zk::Acl> acl = TRY(zk::parse_acl(options.operands()[1]));
    const std::int32_t version = TRY(version_of(options));
    const auto answer = session.ask<zk::Stat>([&](zk::Client& client, auto then) {
        client.set_acl(path, acl, version, std::move(then));
    });
    TRY(status_of(answer, path));
    if (options.has("s")) {
        fmt::print("{}", stat_block(answer.value));
    }
    return {};
}

Status sync(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const auto answer = session.ask<zk::Nothing>(
        [&](zk::Client& client, auto then) { client.sync(path, std::move(then)); });
    TRY(status_of(answer, path));
    fmt::print("Sync is OK\n");
    return {};
}

Status add_auth(ZkSession& session, const Options& options) {
    const std::string credentials = options.operands().size() > 1 ? options.operands()[1] : "";
    const auto answer = session.ask<zk::Nothing>([&](zk::Client& client, auto then) {
        client.add_auth(options.operands()[0], as_bytes(credentials), std::move(then));
    });
    return status_of(answer, options.operands()[0]);
}

constexpr std::array kCommands{
    ZkCommand{"addauth", "scheme auth", {}, 1, 2, add_auth},
    ZkCommand{"create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]", kCreateOptions, 1, 3, create},
    ZkCommand{"delete", "[-v version] path", kDeleteOptions, 1, 1, remove},
    ZkCommand{"deleteall", "path", {}, 1, 1, remove_all},
    ZkCommand{"get", "[-s] [-w] path", kReadOptions, 1, 1, get},
    ZkCommand{"getAcl", "[-s] path", kAclOptions, 1, 1, get_acl},
    ZkCommand{"ls", "[-s] [-w] [-R] path", kListOptions, 1, 1, list},
    ZkCommand{"set", "path data [-s] [-v version]", kSetOptions, 2, 2, set},
    ZkCommand{"setAcl", "[-s] [-v version] path acl", kSetOptions, 2, 2, set_acl},
    ZkCommand{"stat", "[-w] path", kStatOptions, 1, 1, stat},
    ZkCommand{"sync", "path", {}, 1, 1, sync},
};

}  // namespace

std::span<const ZkCommand> zk_commands() {
    return kCommands;
}

}  // namespace millrace::cli
