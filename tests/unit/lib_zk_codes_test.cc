// The protocol's numbers, and the layout of records that other programs read.
#include "lib/zk/create_mode.h"
#include "lib/zk/error_code.h"
#include "lib/zk/op_code.h"
#include "lib/zk/zookeeper.h"

namespace millrace::zk {
namespace {

template <class T>
std::size_t size_of(const T& value) {
    wire::Writer writer;
    value.encode(writer);
    return writer.size();
}

TEST_CASE("an error code has Java's name and Java's message") {
    REQUIRE(name_of(ErrorCode::no_node) == "NoNode");
    REQUIRE(name_of(ErrorCode::throttled_op) == "ThrottledOp");
    REQUIRE(message_of(ErrorCode::not_empty) == "Directory not empty");
    REQUIRE(name_of(static_cast<ErrorCode>(-99)) == "Unknown");
    REQUIRE_FALSE(is_known(static_cast<ErrorCode>(-126)));
    REQUIRE(is_known(ErrorCode::ok));
}

TEST_CASE("an operation code is known or not, and has the protocol's name") {
    REQUIRE(op_code_from(12) == OpCode::get_children2);
    REQUIRE(op_code_from(-11) == OpCode::close_session);
    REQUIRE_FALSE(op_code_from(10).has_value());
    REQUIRE_FALSE(op_code_from(108).has_value());
    REQUIRE(name_of(OpCode::remove) == "delete");
}

TEST_CASE("create flags are 0 to 6") {
    REQUIRE(create_mode_from(3) == CreateMode::ephemeral_sequential);
    REQUIRE_FALSE(create_mode_from(7).has_value());
    REQUIRE_FALSE(create_mode_from(-1).has_value());
    REQUIRE(is_sequential(CreateMode::persistent_sequential_with_ttl));
    REQUIRE(has_ttl(CreateMode::persistent_with_ttl));
    REQUIRE_FALSE(is_ephemeral(CreateMode::container));
}

TEST_CASE("records of fixed size have the size that ZooKeeper gives them") {
    REQUIRE(size_of(Stat{}) == 68);
    REQUIRE(size_of(StatPersisted{}) == 60);
    REQUIRE(size_of(TxnHeader{}) == 32);
    REQUIRE(size_of(TxnDigest{}) == 12);
    REQUIRE(size_of(FileHeader{}) == 16);
    REQUIRE(size_of(LearnerInfo{}) == 20);
    REQUIRE(size_of(MultiHeader{}) == 9);
    REQUIRE(size_of(ReplyHeader{}) == 16);
}

TEST_CASE("null strings and vectors read as empty, null buffers stay null") {
    const Bytes bytes = from_hex(
        "ffffffff"
        "ffffffff"
        "ffffffff"
        "00000002");
    wire::Reader reader(bytes);
    const auto request = CreateRequest::decode(reader);
    REQUIRE(request.has_value());
    REQUIRE(request->path.empty());
    REQUIRE_FALSE(request->data.has_value());
    REQUIRE(request->acl.empty());
    REQUIRE(request->flags == 2);
}

TEST_CASE("a reconfig keeps null members apart from empty ones") {
    const Bytes bytes = from_hex(
        "ffffffff"
        "00000000"
        "ffffffff"
        "ffffffffffffffff");
    wire::Reader reader(bytes);
    const auto request = ReconfigRequest::decode(reader);
    REQUIRE(request.has_value());
    REQUIRE_FALSE(request->joining_servers.has_value());
    REQUIRE(request->leaving_servers == "");
    wire::Writer writer;
    request->encode(writer);
    REQUIRE(to_hex(writer.view()) == to_hex(bytes));
}

TEST_CASE("a vector that announces more than the input holds is malformed") {
    const Bytes bytes = from_hex(
        "7fffffff"
        "00000001"
        "61");
    wire::Reader reader(bytes);
    REQUIRE(GetChildrenResponse::decode(reader).error().code == Errc::malformed);
    const Bytes negative = from_hex("fffffffe");
    wire::Reader other(negative);
    REQUIRE(GetChildrenResponse::decode(other).error().code == Errc::malformed);
}

}  // namespace
}  // namespace millrace::zk
