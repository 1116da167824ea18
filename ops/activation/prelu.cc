// prelu: y = x for x > 0, else w x, with learned slopes w that broadcast.
// Derivative: by x 1 for x > 0, else w, at 0 too; by w 0 for x > 0, else x.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/prelu.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kPreluLoops, kFloating, hn::IfThenElse(hn::Gt(a, hn::Zero(d)), a, hn::Mul(a, b)))

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kPreluLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kPreluLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor x = c.input(0), positive = gt(x, 0);
  if (c.needs(0)) c.set(0, where(positive, c.grad(), zmul(c.grad(), c.input(1))));
  if (c.needs(1)) c.set(1, where(positive, 0, zmul(c.grad(), x)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 3, 1}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({2, 23}), s.values({2, 23})}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({2, 1}), s.values({})}, {}, {.note = "one slope"});
  s.add({s.values({}), s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN}), s.values({})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "prelu: dtypes differ: input [2] f64, weight [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "prelu: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2, 3}), s.values({2})},
              "prelu: shapes do not broadcast: input [2, 3] f64, weight [2] f64: axis 1 from the end is 3 in "
              "one and 2 in another; sizes must be equal or 1");
}

constexpr const char* kInputs[] = {"input", "weight"};
constexpr SaveMask kSaves[] = {in(0) | in(1), in(0)};

}  // namespace

extern constinit const OpDef op_prelu = {
    .name = "prelu",
    .doc = "x for x > 0, else w x",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "PRelu",
    .formula = "y = x for x > 0, else w x",
};

Tensor prelu(Operand input, Operand weight) {
  if (input.impl == nullptr || weight.impl == nullptr || weight.impl->rank == 0) {
    return apply(op_prelu, {input, weight});
  }
  const TensorImpl& x = *input.impl;
  const TensorImpl& w = *weight.impl;
  Shape shape;
  if (w.numel != 1) {
    if (w.rank != 1 || x.rank < 2 || x.dims()[1] != w.numel) {
      throw_error<ShapeError>(input.where, "prelu",
                              "there is one weight, or one for each channel on axis 1: input {}, weight {}",
                              describe(x), describe(w));
    }
    shape.push_back(w.numel);
    for (int k = 2; k < x.rank; ++k) shape.push_back(1);
  }
  const Tensor slopes = reshape(weight, shape);
  return apply(op_prelu, {input, Operand(slopes, weight.where)});
}

}  // namespace gradus
#endif
