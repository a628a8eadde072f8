// What generated jute records are made of. Null strings and null vectors read as empty where the schema does not say
// nullable; a length below -1 or beyond the input fails the reader.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::zk {

// Elements reserved at once; more are added as they arrive.
inline constexpr std::size_t kReserveMax = 1024;

std::string read_string(wire::Reader& reader);
std::optional<std::string> read_optional_string(wire::Reader& reader);
std::optional<Bytes> read_buffer(wire::Reader& reader);

void write_string(wire::Writer& writer, std::string_view value);
void write_optional_string(wire::Writer& writer, const std::optional<std::string>& value);
void write_buffer(wire::Writer& writer, const std::optional<Bytes>& value);
// A length that jute can express; a longer one is a broken invariant, since no frame could hold it.
void write_length(wire::Writer& writer, std::size_t length);

// A failure that names the record and the place.
std::unexpected<Error> malformed_record(std::string_view name, const wire::Reader& reader);

template <class T, class ReadElement>
void read_elements(wire::Reader& reader, std::vector<T>& values, std::size_t count,
                   ReadElement read_element) {
    values.clear();
    values.reserve(std::min(count, kReserveMax));
    for (std::size_t i = 0; i < count && reader.ok(); ++i) {
        read_element(values.emplace_back());
    }
}

// element_size_min: the fewest bytes of one element on the wire.
template <class T, class ReadElement>
void read_array(wire::Reader& reader, std::vector<T>& values, std::size_t element_size_min,
                ReadElement read_element) {
    const std::int32_t count = reader.int32();
    const std::size_t checked = count == -1 ? 0 : reader.checked_count(count, element_size_min);
    read_elements(reader, values, checked, read_element);
}

template <class T, class ReadElement>
void read_optional_array(wire::Reader& reader, std::optional<std::vector<T>>& values,
                         std::size_t element_size_min, ReadElement read_element) {
    const std::int32_t count = reader.int32();
    if (count == -1) {
        values.reset();
        return;
    }
    const std::size_t checked = reader.checked_count(count, element_size_min);
    read_elements(reader, values.emplace(), checked, read_element);
}

template <class T, class WriteElement>
void write_array(wire::Writer& writer, const std::vector<T>& values, WriteElement write_element) {
    write_length(writer, values.size());
    for (const T& value : values) {
        write_element(value);
    }
}

template <class T, class WriteElement>
void write_optional_array(wire::Writer& writer, const std::optional<std::vector<T>>& values,
                          WriteElement write_element) {
    if (!values) {
        writer.int32(-1);
        return;
    }
    write_array(writer, *values, write_element);
}

}  // namespace millrace::zk
