// Which resources have to be looked at again after a change of an object.
#pragma once

#include <vector>

#include "operator/server/caches.h"
#include "operator/server/work_key.h"

namespace millrace::kube_operator::server {

// before is null for a new object, after for a removed one; never both.
std::vector<WorkKey> touched_keys(const Caches& caches, const kube::JsonPtr& before,
                                  const kube::JsonPtr& after);

}  // namespace millrace::kube_operator::server
