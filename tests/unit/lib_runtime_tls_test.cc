#include <httplib.h>
#include <stdlib.h>

#include <thread>

#include "lib/runtime/http_client.h"
#include "lib/runtime/posix/posix_file_system.h"
#include "tests/unit/lib_runtime_turns.h"

namespace millrace::runtime {
namespace {

// An HTTPS server that answers with the token it was shown, and the files of two authorities that sign themselves.
class TlsFixture {
 public:
    TlsFixture() {
        std::string made = "/tmp/millrace-tls-XXXXXX";
        REQUIRE(::mkdtemp(made.data()) != nullptr);
        directory = made;
        make_certificate("server", "subjectAltName=IP:127.0.0.1");
        make_certificate("stranger", "subjectAltName=IP:127.0.0.1");
        make_certificate("elsewhere", "subjectAltName=DNS:example.org");
    }
    ~TlsFixture() {
        if (thread.joinable()) {
            server->stop();
            thread.join();
        }
        static_cast<void>(files->remove_tree(directory));
    }

    void make_certificate(const std::string& name, const std::string& extension) {
        const std::string command = fmt::format(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
            "-keyout {0}/{1}.key -out {0}/{1}.pem -subj /CN={1} -addext {2} 2>/dev/null",
            directory, name, extension);
        REQUIRE(std::system(command.c_str()) == 0);
    }

    void serve(const std::string& name) {
        server = std::make_unique<httplib::SSLServer>(file(name + ".pem").c_str(),
                                                      file(name + ".key").c_str());
        server->Get("/token", [](const httplib::Request& request, httplib::Response& response) {
            response.set_content(request.get_header_value("Authorization"), "text/plain");
        });
        port = server->bind_to_any_port("127.0.0.1");
        REQUIRE(port > 0);
        thread = std::thread([this] { server->listen_after_bind(); });
        // A stop before it runs has no effect, and the destructor would wait for ever.
        while (!server->is_running()) {
            std::this_thread::yield();
        }
    }

    HttpClientOptions options() const {
        return {.base_url = fmt::format("https://127.0.0.1:{}", port), .ca_file = file("ca.pem")};
    }
    std::string file(const std::string& name) const { return join_path(directory, name); }
    void trust(const std::string& name) {
        const Bytes certificate = *files->read_file(file(name + ".pem"), 100'000);
        REQUIRE(files->replace_file(file("ca.pem"), certificate).has_value());
    }

    Result<HttpResponse> call(HttpClient& client) {
        std::optional<Result<HttpResponse>> answer;
        client.request({.path = "/token"},
                       [&](Result<HttpResponse> response) { answer = std::move(response); });
        run_until(loop, [&] { return answer.has_value(); });
        return std::move(*answer);
    }

    EpollLoop loop;
    std::unique_ptr<FileSystem> files = make_posix_file_system();
    std::string directory;
    std::unique_ptr<httplib::SSLServer> server;
    int port = 0;
    std::thread thread;
};

}  // namespace

TEST_CASE_METHOD(TlsFixture,
                 "a trusted server is spoken to, with the token as it stands in the file now") {
    serve("server");
    trust("server");
    REQUIRE(files->replace_file(file("token"), as_bytes("first\n")).has_value());
    HttpClientOptions with_token = options();
    with_token.token_file = file("token");
    const auto client = make_http_client(loop, with_token);
    REQUIRE(call(*client)->body == "Bearer first");
    REQUIRE(files->replace_file(file("token"), as_bytes("second\n")).has_value());
    REQUIRE(call(*client)->body == "Bearer second");
    REQUIRE(files->remove(file("token")).has_value());
    REQUIRE(call(*client).error().code == Errc::not_found);
}

TEST_CASE_METHOD(TlsFixture,
                 "an unknown authority is not trusted until the file of authorities names it") {
    serve("server");
    trust("stranger");
    const auto client = make_http_client(loop, options());
    const auto refused = call(*client);
    REQUIRE(refused.error().code == Errc::connection_lost);
    REQUIRE(refused.error().message.find("not trusted") != std::string::npos);
    trust("server");
    REQUIRE(call(*client)->status == 200);
}

TEST_CASE_METHOD(TlsFixture,
                 "a certificate for another name is refused unless verification is off") {
    serve("elsewhere");
    trust("elsewhere");
    REQUIRE(call(*make_http_client(loop, options())).error().code == Errc::connection_lost);
    HttpClientOptions careless = options();
    careless.verify_server = false;
    REQUIRE(call(*make_http_client(loop, careless))->status == 200);
}

TEST_CASE_METHOD(TlsFixture, "a missing file of authorities is named") {
    serve("server");
    const auto failed = call(*make_http_client(loop, options()));
    REQUIRE(failed.error().code == Errc::invalid_argument);
    REQUIRE(failed.error().message.find("ca.pem") != std::string::npos);
}

}  // namespace millrace::runtime
