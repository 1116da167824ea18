// elu_backward: the derivative of elu, selu and celu, dx = scale g for x > 0, else scale alpha
// input_scale e^(input_scale x) g.
// Derivative: by g as elu_backward itself; by x: 0 for x > 0, else input_scale dx.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/elu_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kEluBackwardLoops, kFloating,
              math::ZMul(d, a,
                         hn::IfThenElse(hn::Gt(b, hn::Zero(d)), math::Param(d, params, 1),
                                        hn::Mul(math::Exp(d, hn::Mul(b, math::Param(d, params, 2))),
                                                math::Param(d, params, 0)))))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kEluBackwardLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<EluBackwardAttrs>();
  with_params(c.in[0].dtype, {a.alpha * a.scale * a.input_scale, a.scale, a.input_scale},
              [&](const void* params) {
                kernels::elementwise(kernels::kEluBackwardLoops, c.in, 2, c.out[0], params);
              });
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<EluBackwardAttrs>();
  const Tensor x = c.input(1);
  if (c.needs(0)) c.set(0, elu_backward(c.grad(), x, a.alpha, a.scale, a.input_scale));
  if (c.needs(1)) {
    const double factor = a.alpha * a.scale * a.input_scale * a.input_scale;
    const Tensor below = where(gt(x, 0), 0, mul(exp(mul(x, a.input_scale)), factor));
    c.set(1, zmul(c.grad(), mul(c.input(0), below)));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, -4, 4)}, EluBackwardAttrs{1.5, 1.1, 0.8});
  s.add({s.values({2, 1, 4}), s.values({3, 1}, -4, 4)}, EluBackwardAttrs{1.5, 1.1, 0.8},
        {.note = "broadcast"});
  s.add({s.values({}), s.values({5}, -4, 4)}, EluBackwardAttrs{1.5, 1.1, 0.8}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}, -4, 4)}, EluBackwardAttrs{1.5, 1.1, 0.8}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 2.0, HUGE_VAL, 1.0, 2.0}),
         SampleSink::f64({5}, {NAN, 0.0, -0.0, NAN, 1.0})},
        EluBackwardAttrs{1.5, 1.1, 0.8}, {.gradcheck = false, .note = "zero cotangent, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})}, EluBackwardAttrs{1.5, 1.1, 0.8},
              "elu_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end is 3 "
              "in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})}, EluBackwardAttrs{1.5, 1.1, 0.8},
              "elu_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), in(0) | in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(EluBackwardAttrs, alpha, nullptr),
                              GRADUS_ATTR(EluBackwardAttrs, scale, nullptr),
                              GRADUS_ATTR(EluBackwardAttrs, input_scale, nullptr)};

}  // namespace

extern constinit const OpDef op_elu_backward = {
    .name = "elu_backward",
    .doc = "derivative of elu, selu and celu",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = scale g for x > 0, else scale alpha input_scale e^(input_scale x) g",
};

Tensor elu_backward(Operand g, Operand x, double alpha, double scale, double input_scale) {
  return apply(op_elu_backward, {g, x}, EluBackwardAttrs{alpha, scale, input_scale});
}

}  // namespace gradus
#endif
