// norm: y = (sum |x|^p)^(1/p) over the axes `dims`; p = 0 counts what is not 0, p = inf and -inf are the
// largest and the smallest |x|. Derivative: dy/dx = sign(x) (|x| / y)^(p-1), a ratio that neither over- nor
// underflows; 0 where x or y is 0, as PyTorch has it. p = inf and -inf: in equal shares to all elements that
// have the extreme |x|. p = 0: 0. As in PyTorch, f32 squares and powers overflow where |x|^p does.
#include <cmath>
#include <limits>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"

namespace gradus {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

void infer(InferContext& c) {
  c.require_floating(0);
  const auto& a = c.attrs<NormAttrs>();
  if (std::isnan(a.p)) c.value_error("p is NaN; it is a number, inf or -inf");
  const unsigned axes = set_out_reduced(c, 0, a.dims, a.keepdim, c.dtype(0));
  if (a.p < 0 || a.p == kInf) require_elements(c, axes);
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<NormAttrs>();
  kernels::norm(c.in[0], axes_of(a.dims, c.in[0].rank), a.p, c.out[0]);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<NormAttrs>();
  if (a.p == 0) return c.set(0, zero_gradient(c, 0));
  const Tensor x = c.input(0), known = constant(x);
  const Shape shape = x.shape();
  const Tensor g = keep_axes(c.grad(), shape, a.dims, a.keepdim);
  if (a.p == 1) return c.set(0, mul(g, sign(known)));
  const Tensor y = keep_axes(c.output(), shape, a.dims, a.keepdim), known_y = constant(y);
  if (std::isinf(a.p)) {
    const Tensor hit = astype(logical_or(eq(abs(known), known_y), ne(known, known)), x.dtype());
    return c.set(0, mul(div(g, sum(hit, a.dims, true)), mul(sign(known), hit)));
  }
  if (a.p == 2) return c.set(0, mul(x, where(eq(known_y, 0), 0, div(g, y))));
  // 1 stands in for the zeros, so that no power of 0 comes up in higher derivatives either.
  const Tensor zero = logical_or(eq(known, 0), eq(known_y, 0));
  const Tensor ratio = div(where(zero, 1, abs(x)), where(eq(known_y, 0), 1, y));
  c.set(0, where(zero, 0, mul(mul(g, sign(known)), pow(ratio, a.p - 1))));
}

void samples(SampleSink& s) {
  for (const double p : {2.0, 1.0, kInf, -kInf, 0.0, 3.0, 1.5, 0.5, -1.0}) {
    s.add({s.values({3, 4})}, NormAttrs{p, {}}, {.gradcheck = p != 0});
    s.add({s.values({3, 2, 5})}, NormAttrs{p, {0, -1}, true}, {.gradcheck = p != 0});
    s.add({SampleSink::f64({3, 3}, {0, 0, 0, 3, 0, -4, 2, NAN, 0})}, NormAttrs{p, {1}},
          {.gradcheck = false, .note = "zeros, NaN"});
    s.add({SampleSink::f64({2, 2}, {HUGE_VAL, 1, -HUGE_VAL, HUGE_VAL})}, NormAttrs{p, {1}},
          {.gradcheck = false, .note = "infinities"});
  }
  s.add({s.values({3, 67})}, NormAttrs{3, {0}}, {.note = "columns: a tail behind whole vectors"});
  s.add({s.values({5})}, NormAttrs{2, {0}}, {.note = "a vector"});
  s.add({s.values({})}, NormAttrs{}, {.note = "scalar"});
  s.add({SampleSink::f64({2, 2}, {3, 4, 3, -3})}, NormAttrs{kInf, {1}}, {.gradcheck = false, .note = "ties"});
  s.add({s.values({0, 3})}, NormAttrs{2, {0}}, {.note = "of nothing: 0"});
  s.add({s.values({0, 3})}, NormAttrs{kInf, {1}}, {.note = "no results"});
  s.add_error({s.values({2, 0})}, NormAttrs{kInf, {1}},
              "norm: nothing to choose from: axis 1 of input [2, 0] f64 has size 0");
  s.add_error({s.values({2})}, NormAttrs{std::nan(""), {}}, "norm: p is NaN; it is a number, inf or -inf");
  s.add_error({SampleSink::i64({2}, {1, 2})}, NormAttrs{},
              "norm: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2, 3})}, NormAttrs{2, {2}},
              "norm: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(NormAttrs, p, "2"), GRADUS_ATTR(NormAttrs, dims, "{}"),
                              GRADUS_ATTR(NormAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_norm = {
    .name = "norm",
    .doc = "the p-norm over the axes dims, all of them where dims is empty",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = (sum_i |x_i|^p)^(1/p)",
};

Tensor norm(Operand input, double p, const Dims& dims, bool keepdim) {
  return apply(op_norm, {input}, NormAttrs{p, dims, keepdim});
}

}  // namespace gradus
