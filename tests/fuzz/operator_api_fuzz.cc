// Requests of clients of the embedded API server, one after the other. Each is a line "METHOD TARGET CONTENT-TYPE ACCEPT" and
// what stands below it as the body; between two stands a line "===". The method FILE puts the body into the store's folder before
// the server starts. At the end the machine fails, and all objects are found again.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/runtime/http_request_parser.h"
#include "operator/local/api_core.h"
#include "operator/local/object_files.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/silent_network.h"

namespace millrace::kube_operator::local {
namespace {

constexpr WallTime kNow{1'700'000'000'000};
constexpr std::size_t kRequestsMax = 12;

// As the server's parser reads it; nothing where it refuses.
std::optional<runtime::HttpRequest> request_of(std::string_view text) {
    const std::size_t line_end = std::min(text.find('\n'), text.size());
    std::istringstream line{std::string(text.substr(0, line_end))};
    std::string method;
    std::string target;
    std::string type;
    std::string accept;
    line >> method >> target >> type >> accept;
    const std::string_view body = text.substr(std::min(line_end + 1, text.size()));
    const std::string head = fmt::format(
        "{} {} HTTP/1.1\r\nHost: a\r\nUser-Agent: fuzz/1\r\nContent-Type: {}\r\n"
        "Accept: {}\r\nContent-Length: {}\r\n\r\n",
        method, target, type, accept, body.size());
    runtime::HttpRequestParser parser(1 << 20);
    (void)parser.feed(as_bytes(head));
    (void)parser.feed(as_bytes(body));
    if (parser.state() != runtime::HttpRequestParser::State::complete) {
        return std::nullopt;
    }
    return parser.take();
}

void check_answer(const ApiAnswer& answer) {
    CHECK(answer.status >= 200 && answer.status < 600);
    if (answer.content_type.starts_with("application/json")) {
        const auto body = nlohmann::json::parse(answer.body, nullptr, false);
        CHECK(!body.is_discarded(), "an answer that is no JSON");
        // A Status of kind Failure says the code that the answer has.
        CHECK(answer.status < 400 || body.value("code", 0) == answer.status);
    }
}

// One run of the server over a disk that survives it.
struct Run {
    explicit Run(testing::MemoryFileSystem& files)
        : pool(loop), runtime{loop, network, files, pool}, core(ApiCoreOptions{}) {
        auto opened = ObjectFiles::open(runtime, "/dir");
        CHECK(opened.has_value());
        disk = std::move(*opened);
        loaded = disk->load(core.store()).has_value();
    }

    testing::ManualLoop loop;
    testing::ManualDiskPool pool;
    testing::SilentNetwork network;
    runtime::Runtime runtime;
    ApiCore core;
    std::unique_ptr<ObjectFiles> disk;
    bool loaded = false;
};

void handle(ApiCore& core, const runtime::HttpRequest& request) {
    const ApiOutcome outcome = core.handle(request, kNow);
    if (const auto* answer = std::get_if<ApiAnswer>(&outcome)) {
        check_answer(*answer);
    }
    core.garbage().run(kNow);
    core.store().invariants();
}

void check_requests(fuzz::Input& input) {
    testing::MemoryFileSystem files;
    std::vector<runtime::HttpRequest> requests;
    for (const std::string_view text : input.parts()) {
        auto request = request_of(text);
        if (request && request->method == "FILE") {
            files.put("/dir/objects" + request->path, as_bytes(request->body));
        } else if (request && requests.size() < kRequestsMax) {
            requests.push_back(std::move(*request));
        }
    }
    std::size_t objects = 0;
    std::uint64_t revision = 0;
    {
        Run run(files);
        if (!run.loaded) {
            return;
        }
        run.core.start(kNow);
        for (const runtime::HttpRequest& request : requests) {
            handle(run.core, request);
        }
        run.pool.run_until_idle();
        objects = run.core.store().size();
        revision = run.core.store().revision();
    }
    files.crash();
    Run again(files);
    CHECK(again.loaded && again.core.store().size() == objects, "an object was lost");
    CHECK(again.core.store().revision() >= revision, "numbers are used twice");
    again.core.store().invariants();
}

}  // namespace
}  // namespace millrace::kube_operator::local

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::configure_log(millrace::LogLevel::error, millrace::LogFormat::text);
    millrace::fuzz::Input input(data, size);
    millrace::kube_operator::local::check_requests(input);
    return 0;
}
