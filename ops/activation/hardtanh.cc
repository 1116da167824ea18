// hardtanh: y = min(max(x, min_val), max_val); NaN stays NaN.
// Derivative: 1 for min_val < x < max_val, 0 outside, at the bounds and for NaN; see
// hardtanh_backward.cc. It depends on x only through steps, so for second order x is a constant.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/hardtanh.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kHardtanhLoops, kFloating,
             math::Min(d, math::Max(d, x, math::Param(d, params, 0)), math::Param(d, params, 1)))

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  infer_elementwise(c, kernels::kHardtanhLoops);
  const auto& a = c.attrs<HardtanhAttrs>();
  if (!(a.min_val <= a.max_val)) {
    c.value_error(fmt::format("min_val {} is not below max_val {}: {}", a.min_val, a.max_val, c.describe(0)));
  }
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<HardtanhAttrs>();
  with_params(c.in[0].dtype, {a.min_val, a.max_val}, [&](const void* params) {
    kernels::elementwise(kernels::kHardtanhLoops, c.in, 1, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<HardtanhAttrs>();
  c.set(0, hardtanh_backward(c.grad(), constant(c.input(0)), a.min_val, a.max_val));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)}, HardtanhAttrs{});
  s.add({s.values({2, 23}, -4, 4)}, HardtanhAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, HardtanhAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, HardtanhAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {-1.0, 1.0, 0.0, HUGE_VAL, -HUGE_VAL, NAN})}, HardtanhAttrs{},
        {.gradcheck = false, .note = "bounds, infinities, NaN"});
  s.add({s.values({3, 4}, -3, 9)}, HardtanhAttrs{0, 6});
  s.add_error({SampleSink::i64({2}, {1, 2})}, HardtanhAttrs{},
              "hardtanh: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2})}, HardtanhAttrs{1, 0},
              "hardtanh: min_val 1 is not below max_val 0: input [2] f64");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(HardtanhAttrs, min_val, "-1"),
                              GRADUS_ATTR(HardtanhAttrs, max_val, "1")};

}  // namespace

extern constinit const OpDef op_hardtanh = {
    .name = "hardtanh",
    .doc = "x held within [min_val, max_val]",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Clip",
    .formula = "y = min(max(x, min_val), max_val)",
};

Tensor hardtanh(Operand input, double min_val, double max_val) {
  return apply(op_hardtanh, {input}, HardtanhAttrs{min_val, max_val});
}

}  // namespace gradus
#endif
