// Attributes of sum_to. Internal to ops/ and its tests.
#pragma once

#include "gradus/graph/shape.h"

namespace gradus {

struct SumToAttrs {
  Shape shape;
};

}  // namespace gradus
