#include "lib/kafka/api_key.h"

#include "lib/base/check.h"

namespace millrace::kafka {

const ApiInfo& info_of(ApiKey key) {
    const ApiInfo* const found = find_api(to_wire(key));
    CHECK(found != nullptr, "an ApiKey is one of the enumerators");
    return *found;
}

std::string_view name_of(ApiKey key) {
    return info_of(key).name;
}

}  // namespace millrace::kafka
