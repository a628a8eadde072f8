// The first frames of a connection, and the password of a session.
#include "lib/zk/connect.h"
#include "lib/zk/session_password.h"

namespace millrace::zk {
namespace {

constexpr std::string_view kOldRequest =
    "00000000"
    "0000000000000005"
    "00007530"
    "0000000000000000"
    "00000010"
    "00000000000000000000000000000000";

TEST_CASE("the password of session 0x1000014043a0000 is that of a Java server") {
    REQUIRE(to_hex(session_password(0x1000014043a0000)) == "94a9f33b915d1fea92e81785c27a5bbe");
}

TEST_CASE("only the right sixteen bytes are the password") {
    const SessionPassword password = session_password(42);
    REQUIRE(is_session_password(42, password));
    REQUIRE_FALSE(is_session_password(43, password));
    REQUIRE_FALSE(is_session_password(42, BytesView(password).first(15)));
    REQUIRE_FALSE(is_session_password(42, {}));
}

TEST_CASE("a connect request of 3.4 has no readOnly byte, and none is written back") {
    const Bytes bytes = from_hex(kOldRequest);
    wire::Reader reader(bytes);
    const auto frame = ConnectRequestFrame::decode(reader);
    REQUIRE(frame.has_value());
    REQUIRE(frame->request.last_zxid_seen == 5);
    REQUIRE(frame->request.time_out == 30000);
    REQUIRE(frame->request.passwd == Bytes(16));
    REQUIRE_FALSE(frame->read_only.has_value());
    wire::Writer writer;
    frame->encode(writer);
    REQUIRE(to_hex(writer.view()) == to_hex(bytes));
}

TEST_CASE("a connect request since 3.5 says whether read-only is enough") {
    const Bytes bytes = from_hex(std::string(kOldRequest) + "01");
    wire::Reader reader(bytes);
    REQUIRE(ConnectRequestFrame::decode(reader)->read_only == true);
}

TEST_CASE("a connect request with bytes behind it is malformed") {
    const Bytes bytes = from_hex(std::string(kOldRequest) + "0100");
    wire::Reader reader(bytes);
    REQUIRE(ConnectRequestFrame::decode(reader).error().code == Errc::malformed);
}

TEST_CASE("a connect response has 36 bytes, or 37 with the readOnly byte") {
    ConnectResponseFrame frame;
    frame.response.passwd = Bytes(16);
    wire::Writer writer;
    frame.encode(writer);
    REQUIRE(writer.size() == 36);
    frame.read_only = false;
    wire::Writer longer;
    frame.encode(longer);
    REQUIRE(longer.size() == 37);
    wire::Reader reader(longer.view());
    REQUIRE(*ConnectResponseFrame::decode(reader) == frame);
}

}  // namespace
}  // namespace millrace::zk
