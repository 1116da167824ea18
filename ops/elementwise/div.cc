// div: y = a / b, broadcast; true division, so integers are refused.
// Derivative: dy/da = 1/b, dy/db = -a/b^2 = -y/b.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/div.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kDivLoops, kFloating, hn::Div(a, b))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kDivLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kDivLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, zdiv(c.grad(), c.input(1)));
  if (c.needs(1)) c.set(1, neg(zmul(c.grad(), div(c.output(), c.input(1)))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.4, 2.5), s.values({3, 4}, 0.4, 2.5)});
  s.add({s.values({2, 1, 4}, 0.4, 2.5), s.values({3, 1}, 0.4, 2.5)}, {}, {.note = "broadcast"});
  s.add({s.values({}, 0.4, 2.5), s.values({5}, 0.4, 2.5)}, {}, {.note = "one element"});
  s.add({s.values({0, 3}, 0.4, 2.5), s.values({3}, 0.4, 2.5)}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {0.0, 1.0, -1.0, HUGE_VAL, 0.0, NAN}),
         SampleSink::f64({6}, {0.0, 0.0, 0.0, 2.0, HUGE_VAL, 1.0})},
        {}, {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "div: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one and "
              "4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "div: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "div: takes floating-point numbers: a [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(1), in(1) | out(0)};

}  // namespace

extern constinit const OpDef op_div = {
    .name = "div",
    .doc = "a / b, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Div",
    .formula = "y = a / b",
};

Tensor div(Operand a, Operand b) { return apply_promoted(op_div, a, b); }
Tensor div(Operand a, Scalar b) { return apply_promoted(op_div, a, b); }
Tensor div(Scalar a, Operand b) { return apply_promoted(op_div, a, b); }

}  // namespace gradus
#endif
