// Shapes and samples shared by softmax, log_softmax and their derivatives.
#include <limits>

#include "gradus/base/format.h"
#include "gradus/ops/activation/softmax.h"
#include "gradus/ops/kernels/rows.h"
#include "gradus/ops/pack.h"

namespace gradus {

void infer_softmax(InferContext& c) {
  c.require_floating(0);
  c.axis(0, c.attrs<SoftmaxAttrs>().dim);
  c.set_out_like(0, 0);
}

void infer_softmax_backward(InferContext& c) {
  c.require_floating(0);
  c.require_same_dtype();
  if (c.shape(0) != c.shape(1)) {
    c.shape_error(
        fmt::format("the cotangent has another shape than the result: {}, {}", c.describe(0), c.describe(1)));
  }
  c.axis(0, c.attrs<SoftmaxAttrs>().dim);
  c.set_out_like(0, 0);
  // An expanded cotangent is common: the gradient of a sum.
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)));
}

void softmax_backward_kernel(const KernelContext& c, bool log) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View g = pack(c.in[0], &scratch), y = pack(c.in[1], &scratch);
  kernels::softmax_backward(y, g, axis_of(c.attrs<SoftmaxAttrs>(), g.rank), c.out[0], log);
}

void sample_softmax(SampleSink& s) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  s.add({s.values({3, 4})}, SoftmaxAttrs{1});
  s.add({s.values({3, 4})}, SoftmaxAttrs{0});
  s.add({s.values({2, 3, 19})}, SoftmaxAttrs{-1}, {.note = "a tail behind whole vectors"});
  s.add({s.values({2, 3, 5})}, SoftmaxAttrs{1}, {.note = "an axis in the middle"});
  s.add({s.values({2, 3}, 900, 1000)}, SoftmaxAttrs{1}, {.note = "exp would overflow"});
  s.add({s.values({3, 1})}, SoftmaxAttrs{1}, {.note = "size 1"});
  s.add({s.values({0, 3})}, SoftmaxAttrs{1}, {.note = "no rows"});
  s.add({s.values({3, 0})}, SoftmaxAttrs{1}, {.note = "empty rows"});
  s.add({SampleSink::f64({3, 2}, {-kInf, -kInf, 1, -kInf, kInf, 0})}, SoftmaxAttrs{1},
        {.gradcheck = false, .note = "infinities"});
}

}  // namespace gradus
