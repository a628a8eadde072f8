// Bytes of whoever connects to an admin port or to the embedded API server. The first byte chooses: a connection's requests (the
// second byte is where the bytes are cut in two), a percent-encoded text, an address, lines.
#include "lib/base/check.h"
#include "lib/runtime/http_request_parser.h"
#include "lib/runtime/line_splitter.h"
#include "lib/runtime/network.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"

namespace millrace::runtime {
namespace {

constexpr std::size_t kBodyMax = 4096;

struct Outcome {
    std::vector<std::string> requests;
    int status = 0;
    std::size_t used = 0;

    bool operator==(const Outcome&) const = default;
};

std::string flat(const HttpRequest& request) {
    std::string text = request.method + "\1" + request.path + "\1" + request.body;
    for (const auto& part : {request.query, request.headers}) {
        for (const auto& [name, value] : part) {
            text += "\1" + name + "\2" + value;
        }
    }
    return text;
}

// As a connection does: what is not used is shown again with what follows.
Outcome read_in_pieces(BytesView bytes, std::size_t cut) {
    HttpRequestParser parser(kBodyMax);
    Outcome outcome;
    for (std::size_t shown : {cut, bytes.size()}) {
        for (;;) {
            const std::size_t step = parser.feed(bytes.subspan(outcome.used, shown - outcome.used));
            CHECK(step <= shown - outcome.used);
            outcome.used += step;
            if (parser.state() == HttpRequestParser::State::refused) {
                CHECK(parser.status() >= 400 && !parser.reason().empty());
                outcome.status = parser.status();
                return outcome;
            }
            if (parser.state() != HttpRequestParser::State::complete) {
                break;
            }
            const HttpRequest request = parser.take();
            CHECK(request.path.starts_with('/') && request.body.size() <= kBodyMax);
            outcome.requests.push_back(flat(request));
        }
    }
    return outcome;
}

void check_requests(fuzz::Input& input) {
    const std::size_t wanted = input.byte();
    const BytesView bytes = input.rest();
    const std::size_t cut = std::min(wanted, bytes.size());
    const fuzz::MemoryMeter meter;
    Outcome whole = read_in_pieces(bytes, bytes.size());
    // Beside the request the test holds a copy of it; a header of a few bytes is a node of a map.
    meter.check(bytes.size(), 64);
    Outcome pieces = read_in_pieces(bytes, cut);
    // How much of a refused request was looked at depends on the cut.
    if (whole.status != 0) {
        whole.used = pieces.used;
    }
    CHECK(whole == pieces, "a request reads differently when it comes in two pieces");
}

void check_percent(std::string_view text) {
    for (const bool in_query : {false, true}) {
        const std::optional<std::string> decoded = percent_decode(text, in_query);
        CHECK(!decoded || percent_decode(percent_encode(*decoded), in_query) == decoded);
    }
    CHECK(percent_encode(text).find_first_of(" ?&#\r\n") == std::string::npos);
}

void check_endpoint(std::string_view text) {
    const Result<Endpoint> endpoint = Endpoint::parse(text);
    if (endpoint) {
        const Result<Endpoint> copy = Endpoint::parse(endpoint->to_string());
        CHECK(copy && *copy == *endpoint);
    }
}

void check_lines(std::string_view text) {
    constexpr std::size_t kLineMax = 64;
    LineSplitter splitter(kLineMax);
    std::vector<std::string> lines;
    std::size_t bytes = 0;
    for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(7, text.size()))) {
        if (!splitter.feed(text.substr(0, 7), lines)) {
            return;
        }
        bytes += std::min<std::size_t>(7, text.size());
    }
    for (const std::string& line : lines) {
        CHECK(line.size() <= kLineMax && line.find('\n') == std::string::npos);
        bytes -= line.size();
    }
    CHECK(splitter.take_rest().size() <= bytes);
}

}  // namespace
}  // namespace millrace::runtime

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::fuzz::Input input(data, size);
    switch (input.choice(4)) {
        case 0:
            millrace::runtime::check_requests(input);
            break;
        case 1:
            millrace::runtime::check_percent(input.text());
            break;
        case 2:
            millrace::runtime::check_endpoint(input.text());
            break;
        default:
            millrace::runtime::check_lines(input.text());
    }
    return 0;
}
