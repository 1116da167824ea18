// parallel_for: the one way the library uses several threads.
#pragma once

#include <cstdint>

#include "gradus/base/function_ref.h"

namespace gradus {

// Calls f(begin, end) on disjoint ranges that cover [0, n). At most n / grain threads work, so below 2 * grain
// there is no fork.
void parallel_for(std::int64_t n, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> f);

}  // namespace gradus
