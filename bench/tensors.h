// gradus and the shared input data.
#pragma once

#include <gradus/gradus.h>

#include "cases.h"

namespace bench {

namespace gd = gradus;
using gd::tensor;

}  // namespace bench
