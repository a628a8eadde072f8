#include "lib/kafka/cluster_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::kafka {

namespace {

// The first version of FindCoordinator that can ask for a transaction's coordinator.
constexpr std::int16_t kFindTyped = 1;
// Later versions take a batch of keys.
constexpr std::int16_t kFindOne = 3;

// Why no broker is known for a target although the metadata is fresh.
std::string describe_missing(const ClusterView& view, const Target& target) {
    if (const auto* const broker = std::get_if<BrokerId>(&target)) {
        return fmt::format("broker {} is not in the cluster", broker->value());
    }
    if (const auto* const of = std::get_if<LeaderOf>(&target)) {
        const ClusterView::Topic* const topic = view.topic(of->partition.topic);
        const bool named = topic != nullptr && topic->error != ErrorCode::none;
        return fmt::format("no leader for {}{}{}", of->partition.to_string(), named ? ": " : "",
                           named ? name_of(topic->error) : "");
    }
    return "the cluster has no controller";
}

}  // namespace

ClusterClient::ClusterClient(runtime::Loop& loop, runtime::Network& network,
                             std::vector<runtime::Endpoint> bootstrap, ClusterClientOptions options)
    : x_loop(loop),
      x_network(network),
      x_bootstrap(std::move(bootstrap)),
      x_options(std::move(options)),
      x_alive(std::make_shared<int>(0)) {
    CHECK(!x_bootstrap.empty(), "a cluster is reached through at least one address");
    x_next_bootstrap = x_loop.random().below(x_bootstrap.size());
}

ClusterClient::~ClusterClient() = default;

bool ClusterClient::worth_retrying(Errc code) {
    return code == Errc::connection_lost || code == Errc::timed_out || code == Errc::busy ||
           code == Errc::io_error;
}

void ClusterClient::start(CallPtr call) {
    call->deadline = x_loop.now() + x_options.call_timeout;
    call->delay = x_options.retry_delay_least;
    x_loop.post([this, alive = std::weak_ptr(x_alive), call = std::move(call)] {
        if (!alive.expired()) {
            run(call);
        }
    });
}

void ClusterClient::run(const CallPtr& call) {
    if (Client* const client = resolve(call->target)) {
        try_on(call, *client);
    } else {
        look_up(call);
    }
}

void ClusterClient::try_on(const CallPtr& call, Client& client) {
    call->attempt(client,
                  [this, alive = std::weak_ptr(x_alive), call](std::optional<Error> repeat) {
                      if (alive.expired() || !repeat) {
                          return;
                      }
                      forget(call->target);
                      retry(call, std::move(*repeat));
                  });
}

void ClusterClient::retry(const CallPtr& call, Error why) {
    call->last_error = std::move(why);
    if (call->retries_left && (*call->retries_left)-- == 0) {
        call->give_up(call->last_error);
        return;
    }
    const Instant now = x_loop.now();
    if (now + call->delay > call->deadline) {
        call->give_up({Errc::timed_out,
                       fmt::format("gave up after {} ms: {}", to_millis(x_options.call_timeout),
                                   call->last_error.message)});
        return;
    }
    // Half of the delay is drawn, so that clients that failed together do not return together.
    const auto half = static_cast<std::uint64_t>(call->delay.count() / 2 + 1);
    const Duration delay = call->delay / 2 + Duration(x_loop.random().below(half));
    call->delay = std::min(call->delay * 2, x_options.retry_delay_most);
    x_loop.run_after(delay, [this, alive = std::weak_ptr(x_alive), call] {
        if (!alive.expired()) {
            run(call);
        }
    });
}

Client* ClusterClient::resolve(const Target& target) {
    struct Visitor {
        ClusterClient& self;

        Client* operator()(const AnyBroker&) const { return self.any_client(); }
        Client* operator()(const TheController&) const {
            return self.connection(self.x_view.controller());
        }
        Client* operator()(const BrokerId& broker) const { return self.connection(broker); }
        Client* operator()(const LeaderOf& of) const {
            return self.connection(self.x_view.leader(of.partition));
        }
        Client* operator()(const CoordinatorOf& of) const {
            const auto found = self.x_coordinators.find(of);
            return found == self.x_coordinators.end() ? nullptr : &self.client_to(found->second);
        }
    };
    return std::visit(Visitor{*this}, target);
}

void ClusterClient::look_up(const CallPtr& call) {
    if (const auto* const wanted = std::get_if<CoordinatorOf>(&call->target)) {
        ask_coordinator(call, *wanted);
    } else {
        ask_metadata(call);
    }
}

void ClusterClient::ask_metadata(const CallPtr& call) {
    MetadataRequest request;
    request.allow_auto_topic_creation = false;
    request.topics.emplace();
    if (const auto* const of = std::get_if<LeaderOf>(&call->target)) {
        request.topics->emplace_back().name = of->partition.topic;
    }
    // Below version 4 the field cannot be sent, and a broker may create the topic.
    constexpr VersionRange kVersions{4, MetadataRequest::kMaxVersion};
    const auto take = [this, alive = std::weak_ptr(x_alive),
                       call](const Result<MetadataResponse>& response) {
        if (alive.expired()) {
            return;
        }
        if (!response) {
            ++x_next_bootstrap;
            if (worth_retrying(response.error().code)) {
                retry(call, response.error());
            } else {
                call->give_up(response.error());
            }
            return;
        }
        x_view.merge(*response);
        drop_idle_clients();
        if (Client* const client = resolve(call->target)) {
            try_on(call, *client);
        } else {
            retry(call, {Errc::not_found, describe_missing(x_view, call->target)});
        }
    };
    any_client()->send<MetadataRequest>(std::move(request), kVersions, take);
}

void ClusterClient::ask_coordinator(const CallPtr& call, const CoordinatorOf& wanted) {
    FindCoordinatorRequest request;
    request.key = wanted.key;
    request.key_type = static_cast<std::int8_t>(wanted.type);
    constexpr VersionRange kVersions{kFindTyped, kFindOne};
    any_client()->send<FindCoordinatorRequest>(
        std::move(request), kVersions,
        [this, alive = std::weak_ptr(x_alive), call,
         wanted](const Result<FindCoordinatorResponse>& response) {
            if (!alive.expired()) {
                take_coordinator(call, wanted, response);
            }
        });
}

void ClusterClient::take_coordinator(const CallPtr& call, const CoordinatorOf& wanted,
                                     const Result<FindCoordinatorResponse>& response) {
    if (!response) {
        ++x_next_bootstrap;
        if (worth_retrying(response.error().code)) {
            retry(call, response.error());
        } else {
            call->give_up(response.error());
        }
        return;
    }
    const ErrorCode code = error_from_wire(response->error_code);
    if (is_retriable(code)) {
        retry(call, {Errc::timed_out, std::string(name_of(code))});
        return;
    }
    if (code != ErrorCode::none) {
        call->give_up({Errc::not_found,
                       fmt::format("no coordinator for {}: {}", wanted.key, message_of(code))});
        return;
    }
    if (x_coordinators.size() >= kCoordinatorsMax) {
        x_coordinators.clear();
    }
    x_coordinators[wanted] = {response->host, static_cast<std::uint16_t>(response->port)};
    try_on(call, client_to(x_coordinators[wanted]));
}

void ClusterClient::refresh(std::optional<std::vector<std::string>> topics,
                            std::move_only_function<void(Status)> then) {
    MetadataRequest request;
    request.allow_auto_topic_creation = false;
    if (topics) {
        request.topics.emplace();
        for (std::string& name : *topics) {
            request.topics->emplace_back().name = std::move(name);
        }
    } else {
        request.topics.reset();
    }
    Plan<MetadataRequest> plan;
    plan.versions.least = 4;
    call<MetadataRequest>(
        AnyBroker{}, std::move(request),
        [this, then = std::move(then)](Result<MetadataResponse> response) mutable {
            if (!response) {
                then(fail(response.error()));
                return;
            }
            x_view.merge(*response);
            then({});
        },
        std::move(plan));
}

Client* ClusterClient::connection(BrokerId broker) {
    const auto endpoint = x_view.endpoint(broker);
    return endpoint ? &client_to(*endpoint) : nullptr;
}

Client* ClusterClient::any_client() {
    for (const auto& [endpoint, client] : x_clients) {
        if (client->connected()) {
            return client.get();
        }
    }
    return &client_to(x_bootstrap[x_next_bootstrap % x_bootstrap.size()]);
}

Client& ClusterClient::client_to(const runtime::Endpoint& endpoint) {
    std::unique_ptr<Client>& client = x_clients[endpoint];
    if (client == nullptr) {
        client = std::make_unique<Client>(x_loop, x_network, endpoint, x_options.connection);
    }
    return *client;
}

// After an error: the next try looks afresh for the broker.
void ClusterClient::forget(const Target& target) {
    struct Visitor {
        ClusterClient& self;

        void operator()(const AnyBroker&) const { ++self.x_next_bootstrap; }
        void operator()(const TheController&) const { self.x_view.forget_controller(); }
        void operator()(const BrokerId&) const {}
        void operator()(const LeaderOf& of) const { self.x_view.forget_topic(of.partition.topic); }
        void operator()(const CoordinatorOf& of) const { self.x_coordinators.erase(of); }
    };
    std::visit(Visitor{*this}, target);
}

// Connections to addresses that no broker has any more.
void ClusterClient::drop_idle_clients() {
    std::erase_if(x_clients, [this](const auto& entry) {
        const auto& [endpoint, client] = entry;
        const bool known = std::ranges::any_of(
            x_view.brokers(), [&](const auto& broker) { return broker.second == endpoint; });
        const bool bootstrap = std::ranges::find(x_bootstrap, endpoint) != x_bootstrap.end();
        return !known && !bootstrap && client->pending() == 0;
    });
}

}  // namespace millrace::kafka
