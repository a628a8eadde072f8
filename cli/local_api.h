// What the API server of the local mode tells about the resources.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/event_runner.h"
#include "lib/base/result.h"
#include "lib/runtime/http_client.h"

namespace millrace::cli {

struct ResourceState {
    std::string kind;
    std::string name;
    bool ready = false;
    std::string message;  // of the Ready condition
    std::string address;  // where clients connect; empty for kinds without

    std::string title() const { return kind + " " + name; }
};

class LocalApi {
 public:
    // url: "http://127.0.0.1:PORT".
    LocalApi(EventRunner& runner, std::string url);

    // Every resource of Millrace, coordinators first, topics last. Errors: connection_lost, malformed.
    Result<std::vector<ResourceState>> resources();

 private:
    Status add_kind(std::string_view plural, std::string_view kind,
                    std::vector<ResourceState>& into);

    EventRunner& x_runner;
    std::unique_ptr<runtime::HttpClient> x_client;
};

// "Kind name" of each document of a YAML file that has both as plain scalars.
std::vector<std::string> declared_resources(std::string_view yaml);

}  // namespace millrace::cli
