#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::wire {

TEST_CASE("what the writer writes the reader reads") {
    Writer writer;
    writer.int8(-2);
    writer.int16(-300);
    writer.int32(-70000);
    writer.int64(-5'000'000'000);
    writer.boolean(true);
    writer.float64(1.5);
    writer.unsigned_varint(300);
    writer.varint(-65);
    writer.varlong(INT64_MIN);
    writer.text("abc");
    const Bytes bytes = writer.take();
    Reader reader(bytes);
    REQUIRE(reader.int8() == -2);
    REQUIRE(reader.int16() == -300);
    REQUIRE(reader.int32() == -70000);
    REQUIRE(reader.int64() == -5'000'000'000);
    REQUIRE(reader.boolean());
    REQUIRE(reader.float64() == 1.5);
    REQUIRE(reader.unsigned_varint() == 300);
    REQUIRE(reader.varint() == -65);
    REQUIRE(reader.varlong() == INT64_MIN);
    REQUIRE(reader.text(3) == "abc");
    REQUIRE(reader.ok());
    REQUIRE(reader.at_end());
}

TEST_CASE("a read past the end fails for good and yields zero") {
    const Bytes bytes = from_hex("0102");
    Reader reader(bytes);
    REQUIRE(reader.int32() == 0);
    REQUIRE_FALSE(reader.ok());
    REQUIRE(reader.int8() == 0);
    REQUIRE(reader.remaining() == 0);
}

TEST_CASE("varints longer than their type allows are refused") {
    const Bytes five = from_hex("ffffffff1f");
    Reader reader(five);
    REQUIRE(reader.unsigned_varint() == 0);
    REQUIRE_FALSE(reader.ok());
    const Bytes ten = from_hex("ffffffffffffffffff02");
    Reader wide(ten);
    REQUIRE(wide.varlong() == 0);
    REQUIRE_FALSE(wide.ok());
}

TEST_CASE("an announced count is checked against what remains") {
    const Bytes bytes(10);
    Reader reader(bytes);
    REQUIRE(reader.checked_count(5, 2) == 5);
    REQUIRE(reader.ok());
    REQUIRE(reader.checked_count(6, 2) == 0);
    REQUIRE_FALSE(reader.ok());
    Reader negative(bytes);
    REQUIRE(negative.checked_count(-1, 1) == 0);
    REQUIRE_FALSE(negative.ok());
}

TEST_CASE("gaps count towards the frame and lie where they were announced") {
    Writer writer;
    writer.int32(0);
    writer.external(9, 1000);
    writer.int16(1);
    REQUIRE(writer.size() == 6);
    REQUIRE(writer.size_with_gaps() == 1006);
    writer.patch_int32(0, 1002);
    REQUIRE(writer.gaps().size() == 1);
    REQUIRE(writer.gaps()[0].position == 4);
    REQUIRE(to_hex(writer.view()) == "000003ea0001");
}

}  // namespace millrace::wire
