#include "lib/kafka/records.h"

#include <algorithm>

namespace millrace::kafka {

bool Records::operator==(const Records& other) const {
    return is_null == other.is_null && external_size == other.external_size &&
           external_id == other.external_id && std::ranges::equal(bytes, other.bytes);
}

}  // namespace millrace::kafka
