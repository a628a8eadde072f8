// One HTTP question of a probe: a connection, a GET, the first line of the answer. Without a thread of its own, so that asking every
// pod every second costs next to nothing.
#pragma once

#include <functional>
#include <string>

#include "lib/runtime/runtime.h"

namespace millrace::kube_operator::local {

// answer(true) for a status from 200 to 399, as a kubelet takes it; false for any other, for garbage and for silence. It runs once,
// in a later turn.
void ask_over_http(runtime::Runtime& runtime, const runtime::Endpoint& at, const std::string& path,
                   Duration timeout, std::function<void(bool)> answer);

}  // namespace millrace::kube_operator::local
