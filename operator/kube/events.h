// Kubernetes Events about our objects. The same message about the same object becomes one Event with a count; the number of
// kept series and of writes in flight is bounded, and what is above is dropped and counted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "operator/kube/client.h"

namespace millrace::kube_operator::kube {

enum class EventSeverity { normal, warning };

struct EventRecorderLimits {
    std::size_t series_max =
        1024;  // remembered for counting; the longest silent one is forgotten first
    std::size_t in_flight_max = 64;  // writes without an answer
    Duration repeat_pause = 10s;     // a repeated message is written at most once in this time
};

class EventRecorder {
 public:
    // component is shown as the source ("millrace-operator"). Loop and client outlive the recorder.
    EventRecorder(runtime::Loop& loop, Client& client, std::string component,
                  EventRecorderLimits limits = {});
    ~EventRecorder();
    EventRecorder(const EventRecorder&) = delete;
    EventRecorder& operator=(const EventRecorder&) = delete;

    // about: the object concerned (apiVersion, kind and metadata are read). reason: UpperCamelCase word, message: a sentence.
    void record(const nlohmann::json& about, EventSeverity severity, const std::string& reason,
                const std::string& message);

    std::uint64_t written() const;
    std::uint64_t dropped() const;

 private:
    struct State;
    std::shared_ptr<State> x_state;
};

}  // namespace millrace::kube_operator::kube
