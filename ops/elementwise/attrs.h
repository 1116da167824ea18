// Attributes of elementwise ops. Internal to ops/ and to tests.
#pragma once

#include <cstdint>
#include <limits>

namespace gradus {

struct AddcmulAttrs {
  double value = 1;
};

// Finite bounds beyond the dtype's range are its largest and smallest numbers.
struct NanToNumAttrs {
  double nan = 0;
  double posinf = std::numeric_limits<double>::max();
  double neginf = std::numeric_limits<double>::lowest();
};

struct PolygammaAttrs {
  std::int64_t n;
};

}  // namespace gradus
