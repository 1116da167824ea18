// Attributes of the elementwise activations, and how they reach the loops. Internal to ops/ and its tests.
#pragma once

#include <algorithm>
#include <initializer_list>

#include "gradus/graph/dtype.h"

namespace gradus {

struct LeakyReluAttrs {
  double negative_slope = 0.01;
};

struct EluAttrs {
  double alpha = 1;
};

// The common form of elu, selu and celu: scale x for x > 0, scale alpha (e^(input_scale x) - 1) below.
struct EluBackwardAttrs {
  double alpha;
  double scale;
  double input_scale;
};

struct GeluAttrs {
  const char* approximate = "none";  // or "tanh"
};

struct SoftplusAttrs {
  double beta = 1;
  double threshold = 20;
};

struct HardtanhAttrs {
  double min_val = -1;
  double max_val = 1;
};

struct ThresholdAttrs {
  double threshold;
  double value;
};

struct ThresholdBackwardAttrs {
  double threshold;
};

struct ShrinkAttrs {
  double lambd = 0.5;
};

// Calls f with a pointer to the numbers in a floating dtype.
template <class F>
void with_params(DType dtype, std::initializer_list<double> v, F f) {
  if (dtype == DType::f64) return f(static_cast<const void*>(v.begin()));
  float narrow[4] = {};
  std::transform(v.begin(), v.begin() + std::min<std::size_t>(v.size(), 4), narrow,
                 [](double x) { return static_cast<float>(x); });
  f(static_cast<const void*>(narrow));
}

}  // namespace gradus
