// HTTP messages as values, for the client and the server alike.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::runtime {

// Names in lower case. The values of a header that occurs several times are joined by ", ".
using HttpHeaders = std::map<std::string, std::string>;

struct HttpRequest {
    std::string method = "GET";
    // Begins with "/". Percent signs are decoded on the server and added by the client.
    std::string path = "/";
    std::map<std::string, std::string> query;  // decoded
    HttpHeaders headers;
    std::string body;
};

struct HttpResponse {
    int status = 200;
    HttpHeaders headers;
    std::string body;

    bool ok() const { return status >= 200 && status < 300; }
};

// "a%2Fb" for "a/b": everything but letters, digits and "-._~" becomes %XX. Characters of `keep`
// stay as they are.
std::string percent_encode(std::string_view text, std::string_view keep = "");
// The text behind "%XX"; nothing when a percent sign is not followed by two hexadecimal digits, or for a zero byte.
// plus_is_space: in queries.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// "/path?key=value&…", encoded; what a client sends in the request line.
std::string request_target(const HttpRequest& request);
// False when a value holds a line end or another control character, which would let it forge
// headers.
bool is_header_value(std::string_view text);
// Letters, digits and the few signs that names of headers and methods may have.
bool is_http_token(std::string_view text);
// "Not Found" for 404.
std::string_view reason_of(int status);

}  // namespace millrace::runtime
