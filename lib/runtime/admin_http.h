// The admin HTTP server of every binary: /livez /readyz /metrics /version and the calls a binary adds. It reads and writes on
// a thread of its own, so that a slow client costs the loop nothing. Handlers run on the loop; one that the loop does not get
// to within a second is answered with 503.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/runtime/loop.h"
#include "lib/runtime/network.h"

namespace millrace::runtime {

struct AdminRequest {
    std::string method;
    std::string path;
    std::map<std::string, std::string> query;
    std::string authorization;  // the Authorization header, empty when absent
    std::string body;           // at most 64 KiB
};

struct AdminResponse {
    int status = 200;
    std::string body;
    std::string content_type = "text/plain; charset=utf-8";
};

class AdminHttp {
 public:
    using Handler = std::function<AdminResponse(const AdminRequest&)>;
    virtual ~AdminHttp() = default;

    // Before start. A path ending in "/*" takes everything below it. Requests with a body above 64
    // KiB are refused (413).
    virtual void route(const std::string& method, const std::string& path, Handler handler) = 0;
    // Errors: address_in_use, invalid_argument.
    virtual Status start(const Endpoint& at) = 0;
    virtual Endpoint local() const = 0;
};

// Readiness as the binary sees it: ok, or the reason why not yet.
using ReadyCheck = std::function<Status()>;

// Sets up /livez, /readyz (200 "ok" or 503 with the reason) and /version (JSON: name, version,
// revision).
std::unique_ptr<AdminHttp> make_admin_http(Loop& loop, const std::string& binary_name,
                                           ReadyCheck ready);

}  // namespace millrace::runtime
