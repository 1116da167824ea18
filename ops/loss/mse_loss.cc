// mse_loss: (input - target)^2, reduced by mean, sum or not.
// Derivatives: for input 2 g (input - target), divided by the count for reduction mean; for target its
// negative.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/loss/mse_loss.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kSquaredErrorLoops, kFloating, hn::Mul(hn::Sub(a, b), hn::Sub(a, b)))

#if HWY_ONCE
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/loss/loss.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.require_floating(0);
  c.require_same_dtype();
  if (c.shape(0) != c.shape(1)) {
    c.shape_error(
        fmt::format("shapes differ: {}, {}; a loss does not broadcast: reshape() or expand() one of them",
                    c.describe(0), c.describe(1)));
  }
  if (to_reduction(c.attrs<LossAttrs>().reduction) == Reduction::none) return c.set_out_like(0, 0);
  c.set_out(0, c.dtype(0), Shape{});
  c.set_scratch(room(c.numel(0), c.dtype(0)));
}

void kernel(KernelContext& c) {
  const Reduction reduction = to_reduction(c.attrs<LossAttrs>().reduction);
  if (reduction == Reduction::none)
    return kernels::elementwise(kernels::kSquaredErrorLoops, c.in, 2, c.out[0]);
  const View squares{c.scratch, c.in[0].dims, nullptr, c.in[0].numel, c.in[0].rank, c.in[0].dtype};
  if (squares.numel != 0) kernels::elementwise(kernels::kSquaredErrorLoops, c.in, 2, squares);
  kernels::reduce(reduction == Reduction::sum ? kernels::Reduction::sum : kernels::Reduction::mean, squares,
                  kernels::all_axes(squares.rank), c.out[0]);
}

void rule(RuleContext& c) {
  const Reduction reduction = to_reduction(c.attrs<LossAttrs>().reduction);
  const Tensor x = c.input(0), t = c.input(1);
  const double factor = reduction == Reduction::mean ? 2 / static_cast<double>(x.numel()) : 2;
  const Tensor scaled = mul(c.grad(), factor);
  if (c.needs(0)) c.set(0, mul(sub(x, t), scaled));
  if (c.needs(1)) c.set(1, mul(sub(t, x), scaled));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})}, LossAttrs{});
  s.add({s.values({3, 23}), s.values({3, 23})}, LossAttrs{"sum"});
  s.add({s.values({3, 4}), s.values({3, 4})}, LossAttrs{"none"});
  s.add({s.values({}), s.values({})}, LossAttrs{}, {.note = "scalar"});
  s.add({s.values({0, 3}), s.values({0, 3})}, LossAttrs{"sum"}, {.note = "empty"});
  s.add({s.values({0, 3}), s.values({0, 3})}, LossAttrs{},
        {.gradcheck = false, .note = "the mean of nothing: NaN"});
  s.add_error(
      {s.values({3, 1}), s.values({3})}, LossAttrs{},
      "mse_loss: shapes differ: input [3, 1] f64, target [3] f64; a loss does not broadcast: reshape() or "
      "expand() one of them");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})}, LossAttrs{},
              "mse_loss: dtypes differ: input [2] f64, target [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"input", "target"};
constexpr SaveMask kSaves[] = {in(0) | in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LossAttrs, reduction, "\"mean\"")};

}  // namespace

extern constinit const OpDef op_mse_loss = {
    .name = "mse_loss",
    .doc = "(input - target)^2, reduced by mean, sum or not",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = mean_i (x_i - t_i)^2",
};

Tensor mse_loss(Operand input, Operand target, Reduction reduction) {
  return apply(op_mse_loss, {input, target}, LossAttrs{to_string(reduction)});
}

}  // namespace gradus
#endif
