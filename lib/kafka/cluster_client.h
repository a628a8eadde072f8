// A whole cluster behind a list of addresses: finds the broker a request is for, connects, and tries
// again after losses and retriable errors until a deadline.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/kafka/client.h"
#include "lib/kafka/cluster_view.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/ids.h"

namespace millrace::kafka {

enum class CoordinatorType : std::int8_t { group = 0, transaction = 1 };

// Whom a request is for.
struct AnyBroker {};
struct TheController {};
struct LeaderOf {
    TopicPartition partition;
};
struct CoordinatorOf {
    CoordinatorType type{};
    std::string key;  // group id or transactional id
    auto operator<=>(const CoordinatorOf&) const = default;
};
using Target = std::variant<AnyBroker, TheController, BrokerId, LeaderOf, CoordinatorOf>;

struct ClusterClientOptions {
    ClientOptions connection;
    Duration call_timeout = 60s;
    Duration retry_delay_least = 100ms;  // doubles with every retry of a call
    Duration retry_delay_most = 1s;
};

// The error a response carries at its top, none when it has no such field.
template <class Response>
ErrorCode top_error(const Response& response) {
    if constexpr (requires { response.error_code; }) {
        return error_from_wire(response.error_code);
    } else {
        return ErrorCode::none;
    }
}

// All on one loop. Callbacks never run inside call, and none runs after the destructor.
class ClusterClient {
 public:
    // At most so many coordinators are remembered; above, all are looked up again.
    static constexpr std::size_t kCoordinatorsMax = 4096;

    ClusterClient(runtime::Loop& loop, runtime::Network& network,
                  std::vector<runtime::Endpoint> bootstrap, ClusterClientOptions options);
    ~ClusterClient();
    ClusterClient(const ClusterClient&) = delete;
    ClusterClient& operator=(const ClusterClient&) = delete;

    template <class Request>
    struct Plan {
        VersionRange versions{Request::kMinVersion, Request::kMaxVersion};
        // Finds the error that decides on a retry; a response with a retriable one is not delivered
        // but asked for again. Errors of single topics or partitions are the caller's to look for.
        std::function<ErrorCode(const ResponseOf<Request>&)> error_of =
            top_error<ResponseOf<Request>>;
        // How often the request is tried again; absent: until the call's time is over.
        std::optional<std::int32_t> retries_most;
    };

    // Errors: timed_out with the last reason, and those of Client that another try cannot mend.
    template <class Request>
    void call(Target target, Request request, Client::Callback<Request> then,
              Plan<Request> plan = {});

    // Asks some broker for the topics (all when absent) and brings view() up to date.
    void refresh(std::optional<std::vector<std::string>> topics,
                 std::move_only_function<void(Status)> then);
    const ClusterView& view() const { return x_view; }

    // The connection to a broker that view() knows, made when needed. Null when it does not.
    Client* connection(BrokerId broker);

 private:
    // What one try came to: nothing when the call is done, or why it must be repeated.
    using Verdict = std::move_only_function<void(std::optional<Error>)>;
    struct Call {
        Target target;
        Instant deadline;
        Duration delay{};
        std::optional<std::int32_t> retries_left;
        Error last_error{Errc::timed_out, "not tried yet"};
        std::move_only_function<void(Client&, Verdict)> attempt;
        std::move_only_function<void(Error)> give_up;
    };
    using CallPtr = std::shared_ptr<Call>;

    template <class Request>
    struct Typed {
        Request request;
        Client::Callback<Request> then;
        Plan<Request> plan;
    };
    template <class Request>
    static void judge(Typed<Request>& typed, Result<ResponseOf<Request>> response,
                      Verdict& verdict);

    static bool worth_retrying(Errc code);
    void start(CallPtr call);
    void run(const CallPtr& call);
    void look_up(const CallPtr& call);
    void try_on(const CallPtr& call, Client& client);
    void retry(const CallPtr& call, Error why);
    Client* resolve(const Target& target);
    Client* any_client();
    Client& client_to(const runtime::Endpoint& endpoint);
    void ask_metadata(const CallPtr& call);
    void ask_coordinator(const CallPtr& call, const CoordinatorOf& wanted);
    void take_coordinator(const CallPtr& call, const CoordinatorOf& wanted,
                          const Result<FindCoordinatorResponse>& response);
    void forget(const Target& target);
    void drop_idle_clients();

    runtime::Loop& x_loop;
    runtime::Network& x_network;
    std::vector<runtime::Endpoint> x_bootstrap;
    ClusterClientOptions x_options;
    ClusterView x_view;
    std::map<CoordinatorOf, runtime::Endpoint> x_coordinators;
    std::map<runtime::Endpoint, std::unique_ptr<Client>> x_clients;
    std::size_t x_next_bootstrap = 0;
    std::shared_ptr<int> x_alive;
};

template <class Request>
void ClusterClient::judge(Typed<Request>& typed, Result<ResponseOf<Request>> response,
                          Verdict& verdict) {
    if (!response && worth_retrying(response.error().code)) {
        verdict(response.error());
        return;
    }
    if (response) {
        const ErrorCode code = typed.plan.error_of(*response);
        if (is_retriable(code)) {
            verdict(Error{Errc::timed_out, std::string(name_of(code))});
            return;
        }
    }
    verdict(std::nullopt);
    typed.then(std::move(response));
}

template <class Request>
void ClusterClient::call(Target target, Request request, Client::Callback<Request> then,
                         Plan<Request> plan) {
    auto typed =
        std::make_shared<Typed<Request>>(std::move(request), std::move(then), std::move(plan));
    auto made = std::make_shared<Call>();
    made->target = std::move(target);
    made->retries_left = typed->plan.retries_most;
    made->attempt = [typed](Client& client, Verdict verdict) {
        client.send<Request>(
            typed->request, typed->plan.versions,
            [typed, verdict = std::move(verdict)](Result<ResponseOf<Request>> response) mutable {
                judge(*typed, std::move(response), verdict);
            });
    };
    made->give_up = [typed](Error why) { typed->then(fail(std::move(why))); };
    start(std::move(made));
}

}  // namespace millrace::kafka
