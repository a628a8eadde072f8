#include "cli/zk_session.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/output/stat_block.h"

namespace millrace::cli {
namespace {

constexpr Duration kConnectTime = 10s;
// So long a session takes at most where a server is there.
constexpr Duration kUsualTime = 500ms;
constexpr Duration kCloseTime = 2s;

std::string_view state_name(zk::SessionEvent event) {
    switch (event) {
        case zk::SessionEvent::connected:
            return "SyncConnected";
        case zk::SessionEvent::disconnected:
            return "Disconnected";
        case zk::SessionEvent::expired:
            return "Expired";
        case zk::SessionEvent::auth_failed:
            return "AuthFailed";
    }
    return "Unknown";
}

}  // namespace

ZkSession::~ZkSession() = default;

Status ZkSession::connect(const std::string& servers, Duration session_timeout) {
    auto parsed = zk::ConnectString::parse(servers);
    if (!parsed) {
        return fail(std::move(parsed).error());
    }
    if (open()) {
        close();
    }
    zk::ClientOptions options;
    options.servers = *parsed;
    options.session_timeout = session_timeout;
    x_servers = servers;
    x_client = std::make_unique<zk::Client>(x_runner.loop(), x_runner.network(), std::move(options),
                                            [this](zk::SessionEvent event) { on_event(event); });
    x_client->start();
    const auto is_settled = [this] { return settled(); };
    if (!x_runner.run_until(is_settled, kUsualTime) && !somebody_listens(parsed->servers)) {
        return fail(Errc::connection_lost,
                    fmt::format("KeeperErrorCode = ConnectionLoss for {}: no server listens there",
                                servers));
    }
    if (!wait_for_connection() || x_client->expired()) {
        return fail(Errc::timed_out,
                    fmt::format("KeeperErrorCode = ConnectionLoss for {}: no server has confirmed "
                                "a session within {} s",
                                servers, to_millis(kConnectTime) / 1000));
    }
    return {};
}

bool ZkSession::wait_for_connection() {
    return x_runner.run_until([this] { return settled(); }, kConnectTime);
}

bool ZkSession::somebody_listens(const std::vector<runtime::Endpoint>& servers) {
    return std::ranges::any_of(servers, [this](const runtime::Endpoint& server) {
        return x_runner
            .await<Result<std::unique_ptr<runtime::Stream>>>([&](auto then) {
                x_runner.network().connect(server, kConnectTime, std::move(then));
            })
            .has_value();
    });
}

void ZkSession::close() {
    if (!open()) {
        return;
    }
    bool closed = false;
    x_client->close([&closed] { closed = true; });
    x_runner.run_until([&closed] { return closed; }, kCloseTime);
    x_client.reset();
}

std::string_view ZkSession::state() const {
    if (!open() || x_client->expired()) {
        return "CLOSED";
    }
    return x_client->connected() ? "CONNECTED" : "CONNECTING";
}

zk::Watcher ZkSession::watcher(bool wanted) {
    if (!wanted) {
        return {};
    }
    return [this](const zk::WatchEvent& event) {
        if (x_print_watches) {
            print(watched_event("SyncConnected", event_name(event.type), event.path, event.zxid));
        }
    };
}

void ZkSession::on_event(zk::SessionEvent event) {
    if (x_print_watches) {
        print(watched_event(state_name(event), "None", "null", -1));
    }
}

void ZkSession::print(const std::string& text) const {
    fmt::print("{}", text);
    std::fflush(stdout);
}

}  // namespace millrace::cli
