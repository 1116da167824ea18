// What group_norm and its derivative share. Internal to ops/norm/.
#pragma once

#include "gradus/ops/norm/params.h"

namespace gradus {

// The attribute num_groups divides the channels of an input. Errors: ValueError.
void require_groups(const InferContext& c, int input);
// x as [samples, groups, channels a group, the rest]; statistics as they broadcast against that.
Tensor by_group(const Tensor& x, std::int64_t groups);
Tensor by_group(const Tensor& statistics);

}  // namespace gradus
