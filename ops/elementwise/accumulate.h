// The engine's addition in place. Internal; defined in add.cc beside the loops it uses.
#pragma once

#include "gradus/graph/view.h"

namespace gradus {

// dst += src, equal shapes and dtypes, any strides.
void accumulate(const View& dst, const View& src);

}  // namespace gradus
