// elu: y = x for x > 0, else alpha (e^x - 1). The loop serves selu and celu too.
// Derivative: 1 for x > 0, else alpha e^x, at 0 too, in one loop: elu_backward.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/elu.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kEluLoops, kFloating,
             hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Mul(x, math::Param(d, params, 1)),
                            hn::Mul(math::Expm1(d, hn::Mul(x, math::Param(d, params, 2))),
                                    math::Param(d, params, 0))))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/elu.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) { elu_kernel(c, c.attrs<EluAttrs>().alpha, 1, 1); }

void rule(RuleContext& c) { c.set(0, elu_backward(c.grad(), c.input(0), c.attrs<EluAttrs>().alpha, 1, 1)); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)}, EluAttrs{});
  s.add({s.values({2, 23}, -4, 4)}, EluAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, EluAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, EluAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, EluAttrs{},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({s.values({3, 4})}, EluAttrs{2.5}, {.note = "a step in the derivative"});
  s.add_error({SampleSink::i64({2}, {1, 2})}, EluAttrs{},
              "elu: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(EluAttrs, alpha, "1")};

}  // namespace

extern constinit const OpDef op_elu = {
    .name = "elu",
    .doc = "x for x > 0, else alpha (e^x - 1)",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer_elu,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Elu",
    .formula = "y = x for x > 0, else alpha (e^x - 1)",
};

void infer_elu(InferContext& c) { infer_elementwise(c, kernels::kEluLoops); }

void elu_kernel(const KernelContext& c, double alpha, double scale, double input_scale) {
  with_params(c.in[0].dtype, {alpha * scale, scale, input_scale}, [&](const void* params) {
    kernels::elementwise(kernels::kEluLoops, c.in, 1, c.out[0], params);
  });
}

Tensor elu(Operand input, double alpha) { return apply(op_elu, {input}, EluAttrs{alpha}); }

}  // namespace gradus
#endif
