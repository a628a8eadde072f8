#include "broker/server/controller_link.h"

#include "broker/controller/zk_paths.h"
#include "lib/base/log.h"

namespace millrace::broker::server {

namespace paths = controller::paths;
using controller::Watched;
using zk::ErrorCode;

namespace {

constexpr Duration kRetryPause = 100ms;  // before a control request is tried again

}  // namespace

ControllerLink::ControllerLink(runtime::Runtime runtime, ControllerLinkOptions options)
    : x_runtime(runtime),
      x_options(std::move(options)),
      x_core(x_options.core, runtime.loop.random()),
      x_session(std::make_shared<int>()) {}

ControllerLink::~ControllerLink() {
    for (auto& [id, channel] : x_channels) {
        x_runtime.loop.cancel(channel.retry);
    }
}

void ControllerLink::start(zk::Client& client) {
    x_client = &client;
    perform(x_core.start());
}

void ControllerLink::session_expired() {
    x_client = nullptr;
    x_session = std::make_shared<int>();
    perform(x_core.session_expired());
}

void ControllerLink::controlled_shutdown(std::int32_t broker_id, std::int64_t broker_epoch,
                                         std::function<void(controller::ShutdownAnswer)> then) {
    const controller::ControlToken token(x_next_token++);
    x_waiting[token.value()] = [then = std::move(then)](const controller::Answer& answer) {
        then(std::get<controller::ShutdownAnswer>(answer.answer));
    };
    perform(x_core.controlled_shutdown(token, broker_id, broker_epoch));
}

void ControllerLink::allocate_producer_ids(
    std::int32_t broker_id, std::int64_t broker_epoch,
    std::function<void(controller::ProducerIdsAnswer)> then) {
    const controller::ControlToken token(x_next_token++);
    x_waiting[token.value()] = [then = std::move(then)](const controller::Answer& answer) {
        then(std::get<controller::ProducerIdsAnswer>(answer.answer));
    };
    perform(x_core.allocate_producer_ids(token, broker_id, broker_epoch));
}

void ControllerLink::perform(controller::ControlEffects effects) {
    for (controller::ControlEffect& effect : effects) {
        log_debug("controller", "{}", to_string(effect));
        std::visit([this](auto& one) { perform(one); }, effect);
    }
    tell_controller();
    x_options.on_step();
}

void ControllerLink::tell_controller() {
    if (x_core.controller_id() != x_told_controller) {
        x_told_controller = x_core.controller_id();
        x_options.on_controller(x_told_controller);
    }
}

zk::Watcher ControllerLink::watcher(Watched what, const std::string& topic) {
    return [this, what, topic, session = std::weak_ptr(x_session)](const zk::WatchEvent&) {
        if (!session.expired()) {
            perform(x_core.changed(what, topic));
        }
    };
}

void ControllerLink::perform(const controller::Answer& effect) {
    auto waiting = x_waiting.extract(effect.token.value());
    if (!waiting.empty()) {
        waiting.mapped()(effect);
    }
}

void ControllerLink::perform(const controller::Elected& effect) {
    log_info("controller", "this broker is the controller, epoch {}", effect.epoch);
}

void ControllerLink::perform(const controller::Resigned&) {
    log_info("controller", "this broker is the controller no more");
}

void ControllerLink::perform(const controller::Connect& effect) {
    Channel& channel = x_channels[effect.broker_id];
    x_runtime.loop.cancel(channel.retry);
    channel = Channel();
    kafka::ClientOptions options;
    options.client_id = std::to_string(x_options.core.broker_id);
    options.request_timeout = x_options.request_timeout;
    options.in_flight_max = 1;
    options.negotiate = false;
    const auto port = static_cast<std::uint16_t>(effect.endpoint.port);
    channel.client = std::make_unique<kafka::Client>(x_runtime.loop, x_runtime.network,
                                                     runtime::Endpoint{effect.endpoint.host, port},
                                                     std::move(options));
}

void ControllerLink::perform(const controller::Disconnect& effect) {
    const auto found = x_channels.find(effect.broker_id);
    if (found != x_channels.end()) {
        x_runtime.loop.cancel(found->second.retry);
        // The channel may be the one that is calling right now: it goes in a later turn.
        auto gone = std::make_shared<Channel>(std::move(found->second));
        x_channels.erase(found);
        x_runtime.loop.post([gone] {});
    }
}

void ControllerLink::perform(controller::Send& effect) {
    const auto found = x_channels.find(effect.broker_id);
    if (found == x_channels.end()) {
        return;
    }
    found->second.queue.push_back(std::move(effect.request));
    pump(effect.broker_id);
}

void ControllerLink::pump(std::int32_t broker_id) {
    const auto found = x_channels.find(broker_id);
    if (found == x_channels.end() || found->second.busy || found->second.queue.empty()) {
        return;
    }
    found->second.busy = true;
    const controller::ControlRequest& request = found->second.queue.front();
    if (const auto* leader_and_isr = std::get_if<kafka::LeaderAndIsrRequest>(&request)) {
        transmit(broker_id, *leader_and_isr, controller::kLeaderAndIsrVersion);
    } else if (const auto* metadata = std::get_if<kafka::UpdateMetadataRequest>(&request)) {
        transmit(broker_id, *metadata, controller::kUpdateMetadataVersion);
    } else {
        transmit(broker_id, std::get<kafka::StopReplicaRequest>(request),
                 controller::kStopReplicaVersion);
    }
}

template <class Request>
void ControllerLink::transmit(std::int32_t broker_id, const Request& request,
                              std::int16_t version) {
    // The client is part of the channel: when the channel goes, the callback goes with it.
    x_channels.at(broker_id).client->send<Request>(
        request, version, [this, broker_id, request](Result<kafka::ResponseOf<Request>> response) {
            if (!response) {
                log_warning("controller", "broker {} did not take a control request: {}", broker_id,
                            response.error().message);
                sent(broker_id, false);
                return;
            }
            if (response->error_code != 0) {
                log_warning("controller", "broker {} answered a control request with error {}",
                            broker_id, response->error_code);
            }
            sent(broker_id, true);
            if constexpr (std::is_same_v<Request, kafka::StopReplicaRequest>) {
                perform(x_core.stop_replica_answered(broker_id, request, *response));
            }
        });
}

void ControllerLink::sent(std::int32_t broker_id, bool answered) {
    const auto found = x_channels.find(broker_id);
    if (found == x_channels.end()) {
        return;
    }
    Channel& channel = found->second;
    channel.busy = false;
    if (answered) {
        channel.queue.pop_front();
        pump(broker_id);
        return;
    }
    channel.retry = x_runtime.loop.run_after(kRetryPause, [this, broker_id] { pump(broker_id); });
}

}  // namespace millrace::broker::server
