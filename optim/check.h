// The domains of hyper-parameters, and the messages where one is left. Internal to optim/.
#pragma once

#include <cmath>

#include "gradus/base/format.h"

namespace gradus::optim {

// x in [0, infinity).
inline void require_not_negative(double x, const char* option, const char* op, Location where) {
  if (!(x >= 0.0) || std::isinf(x)) {
    throw_error<ValueError>(where, op, "{} is {}; it must be a finite number >= 0", option, x);
  }
}

// x in [0, 1).
inline void require_below_one(double x, const char* option, const char* op, Location where) {
  if (!(x >= 0.0 && x < 1.0)) {
    throw_error<ValueError>(where, op, "{} is {}; it must be >= 0 and < 1", option, x);
  }
}

}  // namespace gradus::optim
