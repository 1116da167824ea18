// softmax: y_i = exp(x_i - m) / sum_j exp(x_j - m) with m = max(x), along `dim`.
// Derivative: dx = y (g - sum(g y)), one fused op: softmax_backward.
#include "gradus/ops/activation/softmax.h"

#include "gradus/ops/activation.h"
#include "gradus/ops/kernels/rows.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) {
  kernels::softmax(c.in[0], axis_of(c.attrs<SoftmaxAttrs>(), c.in[0].rank), c.out[0], /*log=*/false);
}

void rule(RuleContext& c) { c.set(0, softmax_backward(c.grad(), c.output(), c.attrs<SoftmaxAttrs>().dim)); }

void samples(SampleSink& s) {
  sample_softmax(s);
  s.add_error({s.values({2, 3})}, SoftmaxAttrs{2},
              "softmax: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
  s.add_error({SampleSink::i64({2}, {1, 2})}, SoftmaxAttrs{0},
              "softmax: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SoftmaxAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_softmax = {
    .name = "softmax",
    .doc = "exp(x) / sum(exp(x)) along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer_softmax,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Softmax",
    .formula = "y_i = exp(x_i) / sum_j exp(x_j)",
};

Tensor softmax(Operand input, std::int64_t dim) { return apply(op_softmax, {input}, SoftmaxAttrs{dim}); }

}  // namespace gradus
