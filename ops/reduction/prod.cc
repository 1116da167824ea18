// prod: y = the product of x over the axes `dims`.
// Derivative: dy/dx_i = the product of the others. Not y / x_i, which fails beside a zero and where y over-
// or underflowed: the rule multiplies the cotangent down a balanced tree of products, in linear time and with
// differentiable ops, so that all higher derivatives are right at zeros too.
#include <vector>

#include "gradus/graph/samples.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/join.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<ReduceAttrs>();
  set_out_reduced(c, 0, a.dims, a.keepdim, is_floating(c.dtype(0)) ? c.dtype(0) : DType::i64);
}

void kernel(KernelContext& c) {
  kernels::reduce(kernels::Reduction::prod, c.in[0], axes_of(c.attrs<ReduceAttrs>().dims, c.in[0].rank),
                  c.out[0]);
}

// For x [m, n] and g [m, 1]: g times the product of the other elements of the row.
Tensor times_others(const Tensor& x, const Tensor& g) {
  // Level l holds products of 2^l neighbours, padded by ones to an even width, as [m, pairs, 2].
  std::vector<Tensor> first, second;
  std::vector<std::int64_t> widths;
  const std::int64_t m = x.size(0);
  Tensor level = x;
  while (level.size(1) > 1) {
    const std::int64_t width = level.size(1);
    widths.push_back(width);
    if (width % 2 != 0) level = concat({level, ones({m, 1}, x.dtype())}, 1);
    const Tensor pairs = reshape(level, {m, (width + 1) / 2, 2});
    first.push_back(select(pairs, 2, 0));
    second.push_back(select(pairs, 2, 1));
    level = mul(first.back(), second.back());
  }
  Tensor others = g;
  while (!widths.empty()) {
    const std::int64_t width = widths.back(), padded = width + width % 2;
    others = reshape(stack({mul(others, second.back()), mul(others, first.back())}, 2), {m, padded});
    if (padded != width) others = slice(others, 1, 0, width);
    first.pop_back();
    second.pop_back();
    widths.pop_back();
  }
  return others;
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ReduceAttrs>();
  const Tensor x = c.input(0);
  const Shape shape = x.shape();
  const std::int64_t n = reduced_count(shape, a.dims);
  if (x.numel() == 0) return c.set(0, zeros(shape, x.dtype()));
  // The kept axes first, the reduced ones behind them.
  const unsigned axes = axes_of(a.dims, shape.rank());
  Dims order, back;
  Shape moved;
  for (const bool reduced : {false, true}) {
    for (int k = 0; k < shape.rank(); ++k) {
      if (((axes >> k & 1) != 0) != reduced) continue;
      order.push_back(k);
      moved.push_back(shape[k]);
    }
  }
  for (int k = 0; k < shape.rank(); ++k) back.push_back(0);
  for (int k = 0; k < shape.rank(); ++k) back[static_cast<int>(order[k])] = k;
  const std::int64_t m = x.numel() / n;
  const Tensor rows = reshape(permute(x, order), {m, n});
  const Tensor gradient = times_others(rows, reshape(c.grad(), {m, 1}));
  c.set(0, permute(reshape(gradient, moved), back));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, ReduceAttrs{});
  s.add({s.values({3, 5})}, ReduceAttrs{.dims = {1}});
  s.add({s.values({3, 2, 3})}, ReduceAttrs{.dims = {0, 2}, .keepdim = true});
  s.add({s.values({5})}, ReduceAttrs{.dims = {0}}, {.note = "a vector"});
  s.add({s.values({})}, ReduceAttrs{}, {.note = "scalar"});
  s.add({s.values({2, 1})}, ReduceAttrs{.dims = {1}}, {.note = "size 1"});
  s.add({SampleSink::f64({3, 3}, {1, 0, 3, 0, 5, 0, 0, 0, 0})}, ReduceAttrs{.dims = {1}},
        {.note = "one, two and three zeros"});
  s.add({s.values({0, 3})}, ReduceAttrs{.dims = {0}}, {.note = "products of nothing"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, ReduceAttrs{.dims = {1}});
  s.add_error({s.values({2, 3})}, ReduceAttrs{.dims = {1, 1}},
              "prod: dims {1, 1} name axis 1 of input [2, 3] f64 twice; name each axis once");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ReduceAttrs, dims, "{}"),
                              GRADUS_ATTR(ReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_prod = {
    .name = "prod",
    .doc = "product over the axes dims, all of them where dims is empty",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "ReduceProd",
    .formula = "y = prod_i x_i",
};

Tensor prod(Operand input) { return apply(op_prod, {input}, ReduceAttrs{}); }
Tensor prod(Operand input, const Dims& dims, bool keepdim) {
  return apply(op_prod, {input}, ReduceAttrs{dims, keepdim});
}

}  // namespace gradus
