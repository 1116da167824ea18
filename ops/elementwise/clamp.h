// The bounds of clamp and clamp_backward as the loops want them. Internal to the two op files.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "gradus/graph/dtype.h"

namespace gradus {

struct ClampAttrs {
  double min = -HUGE_VAL;
  double max = HUGE_VAL;
};

// An infinite bound of an integer is the limit of its type, as is one beyond it.
template <class T>
T clamp_bound(double bound) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(bound);
  } else {
    using Limits = std::numeric_limits<T>;
    if (bound <= static_cast<double>(Limits::min())) return Limits::min();
    if (bound >= static_cast<double>(Limits::max())) return Limits::max();
    return static_cast<T>(bound);
  }
}

// Calls f with a pointer to {min, max} in what the dtype is computed in.
template <class F>
void with_clamp_bounds(DType dtype, double min, double max, F f) {
  const auto as = [&]<class T>(T) {
    const T bounds[] = {clamp_bound<T>(min), clamp_bound<T>(max)};
    f(bounds);
  };
  switch (computed_in(dtype)) {
    case DType::f32:
      return as(float{});
    case DType::f64:
      return as(double{});
    case DType::i32:
      return as(std::int32_t{});
    case DType::i64:
      return as(std::int64_t{});
    default:
      return as(std::uint8_t{});
  }
}

}  // namespace gradus
