#include "operator/kube/events.h"

#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"

namespace millrace::kube_operator::kube {
namespace {

using Json = nlohmann::json;

const ResourceType& event_type() {
    static const ResourceType type = {"", "v1", "events", "Event", true};
    return type;
}

Json reference_to(const Json& about) {
    Json out = Json::object();
    for (const char* field : {"apiVersion", "kind"}) {
        out[field] = text_at(about, {field});
    }
    for (const char* field : {"name", "namespace", "uid", "resourceVersion"}) {
        if (const std::string value = text_at(about, {"metadata", field}); !value.empty()) {
            out[field] = value;
        }
    }
    return out;
}

}  // namespace

// One message about one object.
struct EventSeries {
    ObjectName name;  // of the Event
    std::uint64_t count = 0;
    bool created = false;
    bool writing = false;
    bool owed = false;  // repetitions that are not written yet
    std::optional<Instant> written;
    Instant last{};
};

struct EventRecorder::State : std::enable_shared_from_this<EventRecorder::State> {
    State(runtime::Loop& on, Client& through, std::string who, EventRecorderLimits with)
        : loop(on), client(through), component(std::move(who)), limits(with) {}

    void forget_one() {
        auto oldest = series.end();
        for (auto it = series.begin(); it != series.end(); ++it) {
            if (!it->second.writing &&
                (oldest == series.end() || it->second.last < oldest->second.last)) {
                oldest = it;
            }
        }
        if (oldest != series.end()) {
            series.erase(oldest);
        }
    }

    void create(const std::string& key, EventSeries& one, Json event) {
        one.writing = true;
        ++in_flight;
        client.create(event_type(), std::make_shared<const Json>(std::move(event)), answer_to(key));
    }

    void repeat(const std::string& key, EventSeries& one) {
        one.owed = false;
        one.writing = true;
        one.written = loop.now();
        ++in_flight;
        const Json patch = {{"count", one.count}, {"lastTimestamp", to_iso8601(loop.wall_now())}};
        client.merge_patch(event_type(), one.name, std::make_shared<const Json>(patch),
                           Subresource::none, answer_to(key));
    }

    Client::Reply answer_to(const std::string& key) {
        return [self = weak_from_this(), key](Result<JsonPtr> answer) {
            if (auto state = self.lock()) {
                state->take_answer(key, answer);
            }
        };
    }

    void take_answer(const std::string& key, const Result<JsonPtr>& answer) {
        --in_flight;
        auto found = series.find(key);
        if (answer) {
            ++written;
        } else {
            ++dropped;
            log_debug("events", "an event could not be written: {}", answer.error().to_string());
        }
        if (found == series.end()) {
            return;
        }
        found->second.writing = false;
        if (answer) {
            found->second.created = true;
        } else {
            // Removed meanwhile, or never made: the next message begins anew.
            series.erase(found);
        }
    }

    runtime::Loop& loop;
    Client& client;
    std::string component;
    EventRecorderLimits limits;
    std::map<std::string, EventSeries> series;
    std::size_t in_flight = 0;
    std::uint64_t written = 0;
    std::uint64_t dropped = 0;
};

EventRecorder::EventRecorder(runtime::Loop& loop, Client& client, std::string component,
                             EventRecorderLimits limits)
    : x_state(std::make_shared<State>(loop, client, std::move(component), limits)) {}

EventRecorder::~EventRecorder() = default;

void EventRecorder::record(const nlohmann::json& about, EventSeverity severity,
                           const std::string& reason, const std::string& message) {
    State& state = *x_state;
    const std::string key =
        fmt::format("{}|{}|{}", text_at(about, {"metadata", "uid"}), reason, message);
    const Instant now = state.loop.now();
    auto found = state.series.find(key);
    if (found != state.series.end()) {
        EventSeries& one = found->second;
        ++one.count;
        one.last = now;
        one.owed = true;
        const bool quiet = !one.written || now - *one.written >= state.limits.repeat_pause;
        if (one.created && !one.writing && quiet && state.in_flight < state.limits.in_flight_max) {
            state.repeat(key, one);
        }
        return;
    }
    if (state.in_flight >= state.limits.in_flight_max) {
        ++state.dropped;
        return;
    }
    if (state.series.size() >= state.limits.series_max) {
        state.forget_one();
    }
    const ObjectName target = name_of(about);
    EventSeries one;
    one.name = {target.name_space.empty() ? "default" : target.name_space,
                fmt::format("{}.{:016x}", target.name, state.loop.random().next())};
    one.count = 1;
    one.last = now;
    one.written = now;
    const std::string time = to_iso8601(state.loop.wall_now());
    Json event = {{"apiVersion", "v1"},
                  {"kind", "Event"},
                  {"metadata", {{"name", one.name.name}, {"namespace", one.name.name_space}}},
                  {"involvedObject", reference_to(about)},
                  {"type", severity == EventSeverity::warning ? "Warning" : "Normal"},
                  {"reason", reason},
                  {"message", message},
                  {"source", {{"component", state.component}}},
                  {"reportingComponent", state.component},
                  {"reportingInstance", ""},
                  {"firstTimestamp", time},
                  {"lastTimestamp", time},
                  {"count", 1}};
    EventSeries& kept = state.series.emplace(key, std::move(one)).first->second;
    state.create(key, kept, std::move(event));
}

std::uint64_t EventRecorder::written() const {
    return x_state->written;
}
std::uint64_t EventRecorder::dropped() const {
    return x_state->dropped;
}

}  // namespace millrace::kube_operator::kube
