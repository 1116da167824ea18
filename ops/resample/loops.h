// The loops of resample and resample_backward over one axis of a dense array. Internal to their files.
#pragma once

#include <cstdint>

#include "gradus/graph/op_def.h"

namespace gradus {

// infer and kernel of both: with `transposed` each place of g is added, weighted, to those that it came from.
void infer_resample(InferContext& c, bool transposed);
void run_resample(KernelContext& c, bool transposed);

}  // namespace gradus
