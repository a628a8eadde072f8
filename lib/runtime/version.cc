#include "lib/runtime/version.h"

#include "lib/runtime/revision.h"

namespace millrace::runtime {

std::string_view version() {
    return MILLRACE_VERSION;
}
std::string_view revision() {
    return kRevision;
}

}  // namespace millrace::runtime
