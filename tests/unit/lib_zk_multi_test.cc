#include "lib/zk/multi.h"

namespace millrace::zk {
namespace {

template <class T>
Bytes encoded(const T& value) {
    wire::Writer writer;
    value.encode(writer);
    return writer.take();
}

template <class T>
Result<T> decoded(BytesView bytes) {
    wire::Reader reader(bytes);
    return T::decode(reader);
}

constexpr std::string_view kTrailer = "ffffffff01ffffffff";

TEST_CASE("an empty multi is its trailer") {
    REQUIRE(to_hex(encoded(MultiRequest{})) == kTrailer);
    REQUIRE(to_hex(encoded(MultiResponse{})) == kTrailer);
    REQUIRE(decoded<MultiRequest>(from_hex(kTrailer))->operations.empty());
}

TEST_CASE("each operation stands behind a header with its type") {
    const MultiRequest multi{
        {{OpCode::check, CheckVersionRequest{"/a", 3}}, {OpCode::remove, DeleteRequest{"/b", -1}}}};
    REQUIRE(to_hex(encoded(multi)) ==
            "0000000d00ffffffff"
            "000000022f61"
            "00000003"
            "0000000200ffffffff"
            "000000022f62"
            "ffffffff" +
                std::string(kTrailer));
    REQUIRE(*decoded<MultiRequest>(encoded(multi)) == multi);
}

TEST_CASE("all kinds of creates keep their type") {
    const MultiRequest multi{{{OpCode::create, CreateRequest{"/a", Bytes{}, {}, 0}},
                              {OpCode::create2, CreateRequest{"/b", std::nullopt, {}, 1}},
                              {OpCode::create_container, CreateRequest{"/c", Bytes{}, {}, 4}},
                              {OpCode::create_ttl, CreateTtlRequest{"/d", Bytes{}, {}, 5, 100}},
                              {OpCode::set_data, SetDataRequest{"/d", Bytes(2), 0}}}};
    REQUIRE(*decoded<MultiRequest>(encoded(multi)) == multi);
}

TEST_CASE("reads and writes do not stand in one multi") {
    const MultiRequest reads{{{OpCode::get_data, GetDataRequest{"/a", false}},
                              {OpCode::get_children, GetChildrenRequest{"/a", false}}}};
    REQUIRE(*decoded<MultiRequest>(encoded(reads)) == reads);
    MultiRequest mixed = reads;
    mixed.operations.push_back({OpCode::check, CheckVersionRequest{"/a", 0}});
    REQUIRE(decoded<MultiRequest>(encoded(mixed)).error().code == Errc::malformed);
}

TEST_CASE("a type that no multi has is malformed") {
    REQUIRE_FALSE(decoded<MultiRequest>(from_hex("0000000300ffffffff"
                                                 "000000022f6100"))
                      .has_value());
    REQUIRE_FALSE(decoded<MultiResponse>(from_hex("000000030000000000")).has_value());
}

TEST_CASE("a multi without its trailer is malformed") {
    const MultiRequest multi{{{OpCode::check, CheckVersionRequest{"/a", 3}}}};
    const Bytes bytes = encoded(multi);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        REQUIRE_FALSE(decoded<MultiRequest>(BytesView(bytes).first(size)).has_value());
    }
}

TEST_CASE("results keep their types, and errors their codes") {
    const MultiResponse multi{{{OpCode::create, ErrorCode::ok, CreateResponse{"/a"}},
                               {OpCode::create2, ErrorCode::ok, Create2Response{"/b", {}}},
                               {OpCode::remove, ErrorCode::ok, {}},
                               {OpCode::check, ErrorCode::ok, {}},
                               {OpCode::set_data, ErrorCode::ok, SetDataResponse{}},
                               {OpCode::get_children, ErrorCode::ok, GetChildrenResponse{{"x"}}},
                               {OpCode::get_data, ErrorCode::ok, GetDataResponse{Bytes(1), {}}},
                               {OpCode::error, ErrorCode::no_node, {}}}};
    REQUIRE(*decoded<MultiResponse>(encoded(multi)) == multi);
}

TEST_CASE("a failed item carries its code in the header and in the record") {
    const MultiResponse multi{{{OpCode::error, ErrorCode::runtime_inconsistency, {}}}};
    REQUIRE(to_hex(encoded(multi)) == "ffffffff00fffffffefffffffe" + std::string(kTrailer));
}

}  // namespace
}  // namespace millrace::zk
