// What generated Kafka messages are made of. Flexible versions (KIP-482) use compact lengths and
// end each structure with tagged fields. A length below its null mark or beyond the input fails the
// reader; so does a null where the version has none. Writing what the wire cannot express is a
// broken invariant.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/check.h"
#include "lib/base/result.h"
#include "lib/kafka/records.h"
#include "lib/kafka/uuid.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::kafka {

// Elements reserved at once; more are added as they arrive.
inline constexpr std::size_t kReserveMax = 1024;
// Longest string in bytes, in flexible versions too: what came in compactly must fit when it leaves
// in an older version.
inline constexpr std::size_t kStringMax = 32767;

std::string read_string(wire::Reader& reader, bool flexible);
std::optional<std::string> read_optional_string(wire::Reader& reader, bool flexible,
                                                bool null_allowed);
Bytes read_bytes(wire::Reader& reader, bool flexible);
std::optional<Bytes> read_optional_bytes(wire::Reader& reader, bool flexible, bool null_allowed);
Records read_records(wire::Reader& reader, bool flexible, bool null_allowed);
Uuid read_uuid(wire::Reader& reader);
// -1 for null.
std::int64_t read_array_length(wire::Reader& reader, bool flexible);

void write_string(wire::Writer& writer, std::string_view value, bool flexible);
void write_optional_string(wire::Writer& writer, const std::optional<std::string>& value,
                           bool flexible, bool null_allowed);
void write_bytes(wire::Writer& writer, BytesView value, bool flexible);
void write_optional_bytes(wire::Writer& writer, const std::optional<Bytes>& value, bool flexible,
                          bool null_allowed);
void write_records(wire::Writer& writer, const Records& value, bool flexible, bool null_allowed);
void write_uuid(wire::Writer& writer, const Uuid& value);
void write_array_length(wire::Writer& writer, std::size_t count, bool flexible);
void write_null_array(wire::Writer& writer, bool flexible);

// The mark before a structure that may be null: -1 for null, 1 for a value. None where null is not
// allowed.
bool read_presence(wire::Reader& reader, bool null_allowed);
void write_presence(wire::Writer& writer, bool present, bool null_allowed);

// element_size_min: the fewest bytes of one element on the wire.
template <class T, class ReadElement>
void read_elements(wire::Reader& reader, std::int64_t announced, std::vector<T>& values,
                   std::size_t element_size_min, ReadElement read_element) {
    const std::size_t count = reader.checked_count(announced, element_size_min);
    values.clear();
    values.reserve(std::min(count, kReserveMax));
    for (std::size_t i = 0; i < count && reader.ok(); ++i) {
        read_element(values.emplace_back());
    }
}

template <class T, class ReadElement>
void read_array(wire::Reader& reader, bool flexible, std::vector<T>& values,
                std::size_t element_size_min, ReadElement read_element) {
    const std::int64_t count = read_array_length(reader, flexible);
    read_elements(reader, count, values, element_size_min, read_element);
}

template <class T, class ReadElement>
void read_optional_array(wire::Reader& reader, bool flexible, bool null_allowed,
                         std::optional<std::vector<T>>& values, std::size_t element_size_min,
                         ReadElement read_element) {
    const std::int64_t count = read_array_length(reader, flexible);
    if (count == -1 && null_allowed) {
        values.reset();
        return;
    }
    read_elements(reader, count, values.emplace(), element_size_min, read_element);
}

template <class T, class WriteElement>
void write_array(wire::Writer& writer, const std::vector<T>& values, bool flexible,
                 WriteElement write_element) {
    write_array_length(writer, values.size(), flexible);
    for (const T& value : values) {
        write_element(value);
    }
}

template <class T, class WriteElement>
void write_optional_array(wire::Writer& writer, const std::optional<std::vector<T>>& values,
                          bool flexible, bool null_allowed, WriteElement write_element) {
    if (values) {
        write_array(writer, *values, flexible, write_element);
        return;
    }
    CHECK(null_allowed, "null array in a version that has no null here");
    write_null_array(writer, flexible);
}

// Calls read(tag, body) for each tagged field; read answers whether it knows the tag and has then
// consumed the body to its end. Unknown ones are skipped.
template <class Read>
void for_each_tag(wire::Reader& reader, Read read) {
    const std::size_t count = reader.checked_count(reader.unsigned_varint(), 2);
    for (std::size_t i = 0; i < count && reader.ok(); ++i) {
        const std::uint32_t tag = reader.unsigned_varint();
        wire::Reader body(reader.bytes(reader.unsigned_varint()));
        if (reader.ok() && read(tag, body) && (!body.ok() || !body.at_end())) {
            reader.fail();
        }
    }
}

void skip_tags(wire::Reader& reader);

// Tagged fields on their way out, added in ascending order of tags.
class TaggedFields {
 public:
    void add(std::uint32_t tag, BytesView body);
    void write_to(wire::Writer& writer) const;

 private:
    std::uint32_t x_count = 0;
    wire::Writer x_fields;
};

// Failures that name the message and the place.
std::unexpected<Error> malformed_message(std::string_view name, int version,
                                         const wire::Reader& reader);
std::unexpected<Error> version_outside(std::string_view name, int first, int last, int version);

}  // namespace millrace::kafka
