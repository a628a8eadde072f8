#include "coordinator/server/four_letter.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "coordinator/server/monitor.h"
#include "coordinator/server/node.h"
#include "coordinator/server/tables.h"
#include "lib/runtime/version.h"
#include "lib/zk/op_code.h"

namespace millrace::coordinator::server {

namespace {

using zk::OpCode;

struct Word {
    std::string_view word;
    std::string (*answer)(Node& node);
};

std::string average_text(double average) {
    return figure_text({.name = "", .value = average});
}

std::string answer_ruok(Node&) {
    return "imok";
}

std::string answer_isro(Node&) {
    return "rw";
}

std::string server_lines(Node& node) {
    const Statistics& statistics = node.statistics();
    return fmt::format(
        "Latency min/avg/max: {}/{}/{}\nReceived: {}\nSent: {}\nConnections: {}\n"
        "Outstanding: {}\nZxid: {:#x}\nMode: standalone\nNode count: {}\n",
        statistics.latency.min, average_text(statistics.latency.average()), statistics.latency.max,
        statistics.packets_received, statistics.packets_sent, node.connections().size(),
        node.outstanding(), node.nodes().last_zxid(), node.nodes().node_count() + 1);
}

std::string answer_srvr(Node& node) {
    return fmt::format("Zookeeper version: {}\n{}", shown_version(), server_lines(node));
}

std::string connection_line(Node& node, const ClientConnection& connection, bool brief) {
    const ClientConnection::Counters& counters = connection.counters();
    std::string line = fmt::format(" /{}[{}](queued={},recved={},sent={}",
                                   connection.peer().to_string(), connection.ended() ? 0 : 1,
                                   connection.outstanding(), counters.received, counters.sent);
    if (!brief && connection.session() != 0) {
        const std::int64_t age = to_millis(node.loop().now() - connection.established());
        line += fmt::format(
            ",sid={:#x},lop={},est={},to={}", static_cast<std::uint64_t>(connection.session()),
            counters.last_operation, node.loop().wall_now().millis - age, connection.timeout_ms());
        if (counters.last_cxid >= 0) {
            line += fmt::format(",lcxid={:#x}", counters.last_cxid);
        }
        line += fmt::format(
            ",lzxid={:#x},lresp={},llat={},minlat={},avglat={},maxlat={}",
            static_cast<std::uint64_t>(counters.last_zxid), counters.last_response.millis,
            counters.last_latency_ms, counters.latency.min,
            static_cast<std::int64_t>(counters.latency.average()), counters.latency.max);
    }
    return line + ")\n";
}

std::string connection_lines(Node& node, bool brief) {
    std::string text;
    for (const ClientConnection* connection : node.connections()) {
        text += connection_line(node, *connection, brief);
    }
    return text + "\n";
}

std::string answer_stat(Node& node) {
    return fmt::format("Zookeeper version: {}\nClients:\n{}{}", shown_version(),
                       connection_lines(node, true), server_lines(node));
}

std::string answer_cons(Node& node) {
    return connection_lines(node, false);
}

std::string answer_mntr(Node& node) {
    std::string text;
    for (const Figure& figure : figures(node)) {
        text += fmt::format("zk_{}\t{}\n", figure.name, figure_text(figure));
    }
    return text;
}

std::string answer_conf(Node& node) {
    std::string text;
    for (const auto& [key, value] : configuration_table(node)) {
        text += fmt::format("{}={}\n", key, value);
    }
    return text;
}

std::string answer_envi(Node& node) {
    std::string text = "Environment:\n";
    for (const auto& [key, value] : environment_table(node)) {
        text += fmt::format("{}={}\n", key, value);
    }
    return text;
}

std::string answer_dirs(Node& node) {
    return fmt::format("datadir_size: {}\nlogdir_size: {}\n",
                       directory_bytes(node, node.directory().snapshots),
                       directory_bytes(node, node.directory().logs));
}

std::string expire_line(Node& node, std::size_t count, Instant expiry) {
    const std::int64_t left = to_millis(expiry - node.loop().now());
    const std::time_t at = (node.loop().wall_now().millis + left) / 1'000;
    return fmt::format("{} expire at {:%a %b %d %H:%M:%S UTC %Y}:\n", count, fmt::gmtime(at));
}

// Connections expire with their session, or when they have not opened one in time.
std::string connections_dump(Node& node) {
    std::map<std::int64_t, Instant> expiry_of;
    for (const auto& [expiry, sessions] : node.sessions().by_expiry()) {
        for (const std::int64_t session : sessions) {
            expiry_of[session] = expiry;
        }
    }
    std::map<Instant, std::vector<ClientConnection*>> sets;
    const std::vector<ClientConnection*> connections = node.connections();
    for (ClientConnection* connection : connections) {
        const auto found = expiry_of.find(connection->session());
        const Instant own = connection->established() + node.options().sessionless_max;
        sets[found == expiry_of.end() ? own : found->second].push_back(connection);
    }
    std::string text = fmt::format("Connections dump:\nConnections Sets ({})/({}):\n", sets.size(),
                                   connections.size());
    for (const auto& [expiry, members] : sets) {
        text += expire_line(node, members.size(), expiry);
        for (const ClientConnection* connection : members) {
            text += fmt::format("\tip: /{} sessionId: {:#x}\n", connection->peer().to_string(),
                                static_cast<std::uint64_t>(connection->session()));
        }
    }
    return text;
}

std::string answer_dump(Node& node) {
    const auto expiries = node.sessions().by_expiry();
    std::string text = fmt::format("SessionTracker dump:\nSession Sets ({})/({}):\n",
                                   expiries.size(), node.sessions().size());
    for (const auto& [expiry, sessions] : expiries) {
        text += expire_line(node, sessions.size(), expiry);
        for (const std::int64_t session : sessions) {
            text += fmt::format("\t{:#x}\n", static_cast<std::uint64_t>(session));
        }
    }
    const std::vector<std::int64_t> owners = node.nodes().ephemeral_owners();
    text += fmt::format("ephemeral nodes dump:\nSessions with Ephemerals ({}):\n", owners.size());
    for (const std::int64_t owner : owners) {
        text += fmt::format("{:#x}:\n", static_cast<std::uint64_t>(owner));
        for (const std::string_view path : *node.nodes().ephemerals(owner)) {
            text += fmt::format("\t{}\n", path);
        }
    }
    return text + connections_dump(node);
}

std::string answer_wchs(Node& node) {
    const tree::Watches& watches = node.watches();
    return fmt::format("{} connections watching {} paths\nTotal watches:{}\n",
                       watches.watcher_count(), watches.path_count(), watches.count());
}

std::string answer_wchc(Node& node) {
    std::string text;
    for (const auto& [session, paths] : watched_by_session(node)) {
        text += fmt::format("{:#x}\n", static_cast<std::uint64_t>(session));
        for (const std::string& path : paths) {
            text += fmt::format("\t{}\n", path);
        }
    }
    return text + "\n";
}

std::string answer_wchp(Node& node) {
    std::string text;
    for (const auto& [path, sessions] : watched_by_path(node)) {
        text += fmt::format("{}\n", path);
        for (const std::int64_t session : sessions) {
            text += fmt::format("\t{:#x}\n", static_cast<std::uint64_t>(session));
        }
    }
    return text + "\n";
}

std::string answer_crst(Node& node) {
    for (ClientConnection* connection : node.connections()) {
        connection->reset_counters();
    }
    return "Connection stats reset.\n";
}

std::string answer_srst(Node& node) {
    node.statistics().reset();
    return "Server stats reset.\n";
}

std::string answer_hash(Node& node) {
    return fmt::format("zxid {:#x}, digest version 2: {:#x}\n", node.nodes().last_zxid(),
                       node.nodes().digest());
}

std::string answer_trace_mask(Node&) {
    return fmt::format("{}", kTraceMask);
}

constexpr std::array<Word, 18> kWords{{
    {"conf", answer_conf},
    {"cons", answer_cons},
    {"crst", answer_crst},
    {"dirs", answer_dirs},
    {"dump", answer_dump},
    {"envi", answer_envi},
    {"gtmk", answer_trace_mask},
    {"hash", answer_hash},
    {"isro", answer_isro},
    {"mntr", answer_mntr},
    {"ruok", answer_ruok},
    {"srst", answer_srst},
    {"srvr", answer_srvr},
    {"stat", answer_stat},
    {"stmk", answer_trace_mask},
    {"wchc", answer_wchc},
    {"wchp", answer_wchp},
    {"wchs", answer_wchs},
}};

const Word* find_word(std::string_view word) {
    const auto found = std::ranges::find(kWords, word, &Word::word);
    return found == kWords.end() ? nullptr : &*found;
}

struct Letters {
    OpCode op;
    std::string_view letters;
};
constexpr std::array<Letters, 29> kLetters{{
    {OpCode::create, "CREA"},
    {OpCode::create2, "CRE2"},
    {OpCode::create_ttl, "CRET"},
    {OpCode::create_container, "CREC"},
    {OpCode::remove, "DELE"},
    {OpCode::exists, "EXIS"},
    {OpCode::get_data, "GETD"},
    {OpCode::set_data, "SETD"},
    {OpCode::get_acl, "GETA"},
    {OpCode::set_acl, "SETA"},
    {OpCode::get_children, "GETC"},
    {OpCode::get_children2, "GETC"},
    {OpCode::sync, "SYNC"},
    {OpCode::ping, "PING"},
    {OpCode::multi, "MULT"},
    {OpCode::multi_read, "MULR"},
    {OpCode::reconfig, "RECO"},
    {OpCode::check_watches, "CHKW"},
    {OpCode::remove_watches, "REMW"},
    {OpCode::auth, "AUTH"},
    {OpCode::set_watches, "SETW"},
    {OpCode::set_watches2, "SEW2"},
    {OpCode::sasl, "SASL"},
    {OpCode::get_ephemerals, "GEPH"},
    {OpCode::get_all_children_number, "GACN"},
    {OpCode::add_watch, "ADDW"},
    {OpCode::who_am_i, "WHOM"},
    {OpCode::create_session, "SESS"},
    {OpCode::close_session, "CLOS"},
}};

}  // namespace

bool is_four_letter_word(std::string_view word) {
    return find_word(word) != nullptr;
}

std::string answer_four_letter_word(Node& node, std::string_view word) {
    const Word* known = find_word(word);
    if (known == nullptr || !node.options().four_letter.allows(word)) {
        return fmt::format("{} is not executed because it is not in the whitelist.\n", word);
    }
    if (!node.serving()) {
        return "This ZooKeeper instance is not currently serving requests\n";
    }
    return known->answer(node);
}

std::string_view operation_letters(std::int32_t op) {
    const auto found = std::ranges::find(kLetters, static_cast<OpCode>(op), &Letters::op);
    return found == kLetters.end() ? "NA" : found->letters;
}

}  // namespace millrace::coordinator::server
