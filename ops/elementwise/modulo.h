// What fmod and remainder share. Internal to their files.
#pragma once

#include "gradus/graph/op_def.h"

namespace gradus {

// Errors: ValueError where an integer divisor, input 1, is 0.
void refuse_zero_divisor(const KernelContext& c);

}  // namespace gradus
