// hardtanh_backward: the derivative of hardtanh, dx = g where min_val < x < max_val, else 0 (for NaN
// too).
// Derivative: by g as hardtanh_backward itself; by x: 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/hardtanh_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kHardtanhBackwardLoops, kFloating,
              hn::IfThenElseZero(hn::And(hn::Gt(b, math::Param(d, params, 0)),
                                         hn::Lt(b, math::Param(d, params, 1))),
                                 a))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kHardtanhBackwardLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<HardtanhAttrs>();
  with_params(c.in[0].dtype, {a.min_val, a.max_val}, [&](const void* params) {
    kernels::elementwise(kernels::kHardtanhBackwardLoops, c.in, 2, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<HardtanhAttrs>();
  if (c.needs(0)) c.set(0, hardtanh_backward(c.grad(), constant(c.input(1)), a.min_val, a.max_val));
  if (c.needs(1)) c.set(1, zero_gradient(c, 1));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, -2, 2)}, HardtanhAttrs{});
  s.add({s.values({2, 1, 4}), s.values({3, 1}, -2, 2)}, HardtanhAttrs{}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5}, -2, 2)}, HardtanhAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}, -2, 2)}, HardtanhAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 2.0, HUGE_VAL, 1.0, 2.0}),
         SampleSink::f64({5}, {NAN, 1.0, 0.0, -1.0, NAN})},
        HardtanhAttrs{}, {.gradcheck = false, .note = "bounds, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})}, HardtanhAttrs{},
              "hardtanh_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end "
              "is 3 in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})}, HardtanhAttrs{},
              "hardtanh_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(HardtanhAttrs, min_val, "-1"),
                              GRADUS_ATTR(HardtanhAttrs, max_val, "1")};

}  // namespace

extern constinit const OpDef op_hardtanh_backward = {
    .name = "hardtanh_backward",
    .doc = "derivative of hardtanh",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g where min_val < x < max_val, else 0",
};

Tensor hardtanh_backward(Operand g, Operand x, double min_val, double max_val) {
  return apply(op_hardtanh_backward, {g, x}, HardtanhAttrs{min_val, max_val});
}

}  // namespace gradus
#endif
