// Reads HTTP/1.1 requests strictly (RFC 9112): what a lenient server guesses at is refused, since two parties that guess
// differently can be played off against each other.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/bytes.h"
#include "lib/runtime/http.h"

namespace millrace::runtime {

class HttpRequestParser {
 public:
    static constexpr std::size_t kHeadBytesMax = 32 * 1024;
    static constexpr std::size_t kTargetBytesMax = 8 * 1024;
    static constexpr std::size_t kHeadersMax = 100;

    explicit HttpRequestParser(std::size_t body_bytes_max) : x_body_bytes_max(body_bytes_max) {}

    enum class State {
        head,      // no head yet
        body,      // the head is there
        complete,  // take() gives the request
        refused,   // status() and reason() say why; nothing more is read
    };

    // Takes what it can use; returns how many bytes that were. Stops behind a complete request.
    std::size_t feed(BytesView bytes);
    State state() const { return x_state; }

    HttpRequest take();
    // Of the request taken or under way.
    bool keeps_alive() const { return x_keeps_alive; }
    void stop_keeping_alive() { x_keeps_alive = false; }
    bool is_http_1_0() const { return x_is_http_1_0; }
    // Once per request: the client waits for "100 Continue" before it sends the body.
    bool take_expects_continue();

    int status() const { return x_status; }
    std::string_view reason() const { return x_reason; }

 private:
    enum class BodyStep { by_length, chunk_size, chunk_bytes, chunk_end, trailer };

    std::size_t feed_head(std::string_view text);
    std::size_t feed_body(std::string_view text);
    std::size_t feed_bytes(std::string_view text);
    // A line of a chunked body, without its end; nothing when it is not whole yet.
    std::optional<std::string_view> line_of(std::string_view text);
    void read_head(std::string_view head);
    bool read_request_line(std::string_view line);
    bool read_target(std::string_view target);
    bool read_header(std::string_view line);
    void frame_body();
    void read_chunk_size(std::string_view line);
    bool refuse(int status, std::string_view reason);

    const std::size_t x_body_bytes_max;
    State x_state = State::head;
    BodyStep x_step = BodyStep::by_length;
    HttpRequest x_request;
    std::uint64_t x_left = 0;  // of the body, or of the present chunk
    std::size_t x_headers = 0;
    std::size_t x_trailer_bytes = 0;
    bool x_keeps_alive = true;
    bool x_is_http_1_0 = false;
    bool x_expects_continue = false;
    int x_status = 0;
    std::string x_reason;
};

}  // namespace millrace::runtime
