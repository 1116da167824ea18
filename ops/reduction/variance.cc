#include "gradus/ops/reduction/variance.h"

#include <algorithm>

#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/reduction.h"

namespace gradus {

Tensor variance_gradient(const Tensor& g, const Tensor& x, const VarAttrs& a) {
  const Shape shape = x.shape();
  const double divisor = std::max(0.0, static_cast<double>(reduced_count(shape, a.dims)) - a.correction);
  const Tensor scaled = mul(g, 2.0 / divisor);
  return mul(keep_axes(scaled, shape, a.dims, a.keepdim), sub(x, mean(x, a.dims, true)));
}

void sample_variance(SampleSink& s) {
  s.add({s.values({3, 4})}, VarAttrs{});
  s.add({s.values({5})}, VarAttrs{.dims = {0}}, {.note = "a vector"});
  s.add({s.values({3, 4})}, VarAttrs{.dims = {0}, .correction = 0});
  s.add({s.values({3, 2, 5})}, VarAttrs{.dims = {0, -1}, .correction = 2.5, .keepdim = true});
  s.add({s.values({2, 67}, 100, 101)}, VarAttrs{.dims = {1}}, {.note = "a mean far from 0"});
  s.add({SampleSink::f64({2, 3}, {5, 5, 5, -1, -1, -1})}, VarAttrs{.dims = {1}},
        {.gradcheck = false, .note = "no spread"});
  s.add({s.values({2, 1})}, VarAttrs{.dims = {1}}, {.gradcheck = false, .note = "one element: NaN"});
  s.add({s.values({2, 1})}, VarAttrs{.dims = {1}, .correction = 0},
        {.gradcheck = false, .note = "one element, not corrected: 0"});
  s.add({s.values({0, 3})}, VarAttrs{.dims = {0}}, {.gradcheck = false, .note = "of nothing: NaN"});
  s.add({s.values({0, 3})}, VarAttrs{.dims = {1}}, {.note = "no results"});
}

}  // namespace gradus
