#include "cli/zk_commands.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <functional>

#include "cli/output/node_data.h"
#include "cli/output/stat_block.h"
#include "lib/zk/acl.h"
#include "lib/zk/path.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kInt32Max = 2'147'483'647;
constexpr std::int64_t kTtlMillisMax = 1'099'511'627'775;  // 40 bits, EphemeralType.TTL

constexpr Option kStat{"s", "", "Print the stat of the node too."};
constexpr Option kWatch{"w", "", "Leave a watch."};
constexpr Option kVersion{"v", "version", "Only if the node has this version."};

constexpr std::array kCreateOptions{
    Option{"s", "", "Append a number."},
    Option{"e", "", "Ephemeral: goes with the session."},
    Option{"c", "", "Container: goes when its last child has gone."},
    Option{"t", "ttl", "Goes after so many milliseconds without change and children."},
};
constexpr std::array kGetOptions{kStat, kWatch, Option{"b", "", "In base64."},
                                 Option{"x", "", "In hexadecimal."}};
constexpr std::array kListOptions{kStat, kWatch, Option{"R", "", "All nodes below."}};
constexpr std::array kStatOptions{kWatch};
constexpr std::array kSetOptions{kStat, kVersion, Option{"b", "", "The data is in base64."}};
constexpr std::array kDeleteOptions{kVersion};
constexpr std::array kAclOptions{kStat};
constexpr std::array kSetAclOptions{kStat, kVersion, Option{"R", "", "All nodes below too."}};

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

// Older shells took a further word in the place of an option; Java's still does, and says what to write.
bool old_form(const Options& options, std::string_view was, std::string_view is) {
    if (options.operands().size() < 2) {
        return false;
    }
    fmt::print(stderr, "'{}' has been deprecated. Please use '{}' instead.\n", was, is);
    return true;
}

// As Java's shell words what is wrong with a list.
Result<std::vector<zk::Acl>> parse_access(const std::string& text) {
    auto acl = zk::parse_acl(text);
    if (!acl) {
        return fail(Errc::invalid_argument,
                    fmt::format("{}\n{}", acl.error().message,
                                shell_error(zk::ErrorCode::invalid_acl, "null")));
    }
    return acl;
}

Result<std::optional<std::int64_t>> ttl_of(const Options& options) {
    if (!options.has("t")) {
        return std::optional<std::int64_t>{};
    }
    if (options.has("e")) {
        return fail(Errc::invalid_argument, "TTLs cannot be used with Ephemeral znodes");
    }
    const auto ttl = options.number("t", INT64_MIN, INT64_MAX);
    if (!ttl) {
        return fail(Errc::invalid_argument, "-t argument must be a long value");
    }
    if (**ttl < 1 || **ttl > kTtlMillisMax) {
        return fail(
            Errc::invalid_argument,
            fmt::format("ttl must be positive and cannot be larger than: {}", kTtlMillisMax));
    }
    return ttl;
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
    const auto ttl = TRY(ttl_of(options));
    zk::CreateOp op;
    op.path = TRY(path_at(options, 0, options.has("s")));
    op.mode = mode_of(options);
    op.acl = zk::open_acl();
    const bool has_data = options.operands().size() > 1;
    if (has_data) {
        op.data = to_bytes(options.operands()[1]);
    }
    if (options.operands().size() > 2) {
        op.acl = TRY(parse_access(options.operands()[2]));
    }
    const std::string path = op.path;
    const auto answer = session.ask<zk::Created>([&](zk::Client& client, auto then) {
        if (ttl) {
            client.create_with_ttl(std::move(op), *ttl, std::move(then));
        } else if (!has_data) {
            client.create_without_data(op.path, op.acl, op.mode, std::move(then));
        } else {
            client.create(op.path, op.data, op.acl, op.mode, std::move(then));
        }
    });
    TRY(status_of(answer, path));
    // On standard error, where the Java tool has it.
    fmt::print(stderr, "Created {}\n", answer.value.path);
    return {};
}

std::string shown_data(const Options& options, const zk::NodeData& node) {
    if (!node.has_data) {
        return "null";
    }
    if (options.has("b")) {
        return base64(node.data);
    }
    return options.has("x") ? hex_dump(node.data) : std::string(as_text(node.data));
}

Status get(ZkSession& session, const Options& options) {
    const bool watches =
        old_form(options, "get path [watch]", "get [-s] [-w] path") || options.has("w");
    const std::string path = TRY(path_at(options, 0));
    const auto answer = session.ask<zk::NodeData>([&](zk::Client& client, auto then) {
        client.get_data(path, session.watcher(watches), std::move(then));
    });
    TRY(status_of(answer, path));
    fmt::print("{}\n", shown_data(options, answer.value));
    if (options.has("s")) {
        fmt::print("{}", stat_block(answer.value.stat));
    }
    return {};
}

Status set(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const std::int32_t version = TRY(version_of(options));
    const std::string& text = options.operands()[1];
    const Bytes data = options.has("b") ? TRY(from_base64(text)) : to_bytes(text);
    const auto answer = session.ask<zk::Stat>([&](zk::Client& client, auto then) {
        client.set_data(path, data, version, std::move(then));
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

// Shows every node at or below the path, parents before their children, as soon as it is seen.
Status visit_subtree(ZkSession& session, const std::string& path,
                     const std::function<Status(const std::string&)>& visit) {
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
        TRY(visit(next));
    }
    return {};
}

// The nodes of a subtree; a failure shows none of them.
Result<std::vector<std::string>> subtree(ZkSession& session, const std::string& path) {
    std::vector<std::string> found;
    TRY(visit_subtree(session, path, [&found](const std::string& node) -> Status {
        found.push_back(node);
        return {};
    }));
    return found;
}

Status list(ZkSession& session, const Options& options) {
    const bool watches = old_form(options, "ls path [watch]", "ls [-w] path") || options.has("w");
    const std::string path = TRY(path_at(options, 0));
    if (options.has("R")) {
        return visit_subtree(session, path, [](const std::string& node) -> Status {
            fmt::print("{}\n", node);
            return {};
        });
    }
    const auto answer = children_of(session, path, session.watcher(watches));
    TRY(status_of(answer, path));
    fmt::print("{}\n", bracketed(answer.value.names));
    if (options.has("s")) {
        fmt::print("{}", stat_block(answer.value.stat));
    }
    return {};
}

Status stat(ZkSession& session, const Options& options) {
    const bool watches =
        old_form(options, "stat path [watch]", "stat [-w] path") || options.has("w");
    const std::string path = TRY(path_at(options, 0));
    const auto answer = session.ask<zk::Stat>([&](zk::Client& client, auto then) {
        client.exists(path, session.watcher(watches), std::move(then));
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
    if (!old_form(options, "delete path [version]", "delete [-v version] path")) {
        return remove_node(session, path, TRY(version_of(options)));
    }
    const std::string& text = options.operands()[1];
    std::int32_t version = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (error != std::errc{} || at != text.data() + text.size()) {
        return fail(Errc::invalid_argument, fmt::format("For input string: \"{}\"", text));
    }
    return remove_node(session, path, version);
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
    const std::vector<zk::Acl> acl = TRY(parse_access(options.operands()[1]));
    const std::int32_t version = TRY(version_of(options));
    const auto set_one = [&](const std::string& node) -> Status {
        const auto answer = session.ask<zk::Stat>([&](zk::Client& client, auto then) {
            client.set_acl(node, acl, version, std::move(then));
        });
        TRY(status_of(answer, node));
        if (options.has("s")) {
            fmt::print("{}", stat_block(answer.value));
        }
        return {};
    };
    return options.has("R") ? visit_subtree(session, path, set_one) : set_one(path);
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

Status get_ephemerals(ZkSession& session, const Options& options) {
    const std::string path = options.operands().empty() ? "/" : TRY(path_at(options, 0));
    const auto answer = session.ask<std::vector<std::string>>(
        [&](zk::Client& client, auto then) { client.get_ephemerals(path, std::move(then)); });
    TRY(status_of(answer, path));
    fmt::print("{}\n", bracketed(answer.value));
    return {};
}

Status count_children(ZkSession& session, const Options& options) {
    const std::string path = TRY(path_at(options, 0));
    const auto answer = session.ask<std::int32_t>([&](zk::Client& client, auto then) {
        client.get_all_children_number(path, std::move(then));
    });
    TRY(status_of(answer, path));
    fmt::print("{}\n", answer.value);
    return {};
}

Status who_am_i(ZkSession& session, const Options&) {
    const auto answer = session.ask<std::vector<zk::ClientInfo>>(
        [](zk::Client& client, auto then) { client.who_am_i(std::move(then)); });
    TRY(status_of(answer, "/"));
    fmt::print("Auth scheme: User\n");
    for (const zk::ClientInfo& info : answer.value) {
        fmt::print("{}: {}\n", info.auth_scheme, info.user);
    }
    return {};
}

constexpr std::array kCommands{
    ZkCommand{"addauth", "scheme auth", {}, 1, 2, add_auth},
    ZkCommand{"create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]", kCreateOptions, 1, 3, create},
    ZkCommand{"delete", "[-v version] path", kDeleteOptions, 1, 2, remove},
    ZkCommand{"deleteall", "path", {}, 1, 1, remove_all},
    ZkCommand{"get", "[-s] [-w] [-b] [-x] path", kGetOptions, 1, 2, get},
    ZkCommand{"getAcl", "[-s] path", kAclOptions, 1, 1, get_acl},
    ZkCommand{"getAllChildrenNumber", "path", {}, 1, 1, count_children},
    ZkCommand{"getEphemerals", "path", {}, 0, 1, get_ephemerals},
    ZkCommand{"ls", "[-s] [-w] [-R] path", kListOptions, 1, 2, list},
    ZkCommand{"set", "path data [-s] [-v version] [-b]", kSetOptions, 2, 2, set},
    ZkCommand{"setAcl", "[-s] [-v version] [-R] path acl", kSetAclOptions, 2, 2, set_acl},
    ZkCommand{"stat", "[-w] path", kStatOptions, 1, 2, stat},
    ZkCommand{"sync", "path", {}, 1, 1, sync},
    ZkCommand{"whoami", "", {}, 0, 0, who_am_i},
};

}  // namespace

std::span<const ZkCommand> zk_commands() {
    return kCommands;
}

}  // namespace millrace::cli
