// soft_cross_entropy_backward: dx_ij = s_i (Q_i softmax(x_i)_j - q_ij) with Q_i = sum_j q_ij, where s_i is
// the cotangent of row i's loss (divided by the number of rows for reduction mean); see soft_cross_entropy.cc
// for q. Derivatives, with the cotangent c and p = softmax(x): for g the sum of c dx / g; for x
// softmax_backward(c s Q, p); for t (1 - e) s (sum(c p) - c).
#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/softmax.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/kernels/cross_entropy.h"
#include "gradus/ops/loss/loss.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

std::int64_t rows_of(const View& x) { return x.numel / x.dims[x.rank - 1]; }

void infer(InferContext& c) {
  require_probabilities(c, 1);
  require_cotangent(c, 1, c.attrs<CrossEntropyAttrs>().reduction);
  c.set_out_like(0, 1);
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)) + pack_room(c.impl(2)));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<CrossEntropyAttrs>();
  const View& x = c.in[1];
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const void* g = pack(c.in[0], &scratch).data;
  kernels::CrossEntropyRows r{
      .dtype = x.dtype, .x = pack(x, &scratch).data, .rows = rows_of(x), .n = x.dims[x.rank - 1]};
  r.probabilities = pack(c.in[2], &scratch).data;
  r.smoothing = a.label_smoothing;
  const Reduction reduction = to_reduction(a.reduction);
  const double factor = reduction == Reduction::mean ? 1 / static_cast<double>(r.rows) : 1;
  kernels::cross_entropy_backward(r, g, reduction == Reduction::none ? 1 : 0, factor, c.out[0].data);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<CrossEntropyAttrs>();
  const Reduction reduction = to_reduction(a.reduction);
  const Tensor x = c.input(1), cotangent = c.grad();
  if (c.needs(0)) {
    const Tensor of_one = soft_cross_entropy_backward(ones(c.input_shape(0), x.dtype()), x, c.input(2), a);
    const Tensor product = mul(cotangent, of_one);
    c.set(0, reduction == Reduction::none ? sum(product, -1) : sum(product));
  }
  if (!c.needs(1) && !c.needs(2)) return;
  Tensor scale = c.input(0);
  if (reduction == Reduction::none) scale = unsqueeze(scale, -1);
  if (reduction == Reduction::mean) scale = div(scale, static_cast<double>(rows_of(x.view())));
  const Tensor p = softmax(x, -1);
  if (c.needs(1)) {
    const Tensor total = add(mul(sum(c.input(2), -1, true), 1 - a.label_smoothing), a.label_smoothing);
    c.set(1, softmax_backward(mul(cotangent, mul(scale, total)), p, -1));
  }
  if (c.needs(2)) {
    const Tensor centered = sub(sum(mul(cotangent, p), -1, true), cotangent);
    c.set(2, mul(mul(scale, 1 - a.label_smoothing), centered));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({}), s.values({3, 4}), s.values({3, 4}, 0, 1)}, CrossEntropyAttrs{});
  s.add({s.values({}), s.values({3, 4}), s.values({3, 4}, 0, 1)},
        CrossEntropyAttrs{.reduction = "sum", .label_smoothing = 0.25});
  s.add({s.values({2, 2}), s.values({2, 2, 19}), s.values({2, 2, 19}, 0, 1)},
        CrossEntropyAttrs{.reduction = "none"}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}), s.values({4}), s.values({4}, 0, 1)}, CrossEntropyAttrs{}, {.note = "one row"});
  s.add({s.values({}), s.values({2, 1}), s.values({2, 1}, 0, 1)}, CrossEntropyAttrs{}, {.note = "one class"});
  s.add({s.values({}), s.values({0, 3}), s.values({0, 3})}, CrossEntropyAttrs{.reduction = "sum"},
        {.note = "no rows"});
  s.add_error({s.values({3}), s.values({3, 4}), s.values({3, 4})}, CrossEntropyAttrs{},
              "soft_cross_entropy_backward: the cotangent has not the loss's shape []: g [3] f64");
}

constexpr const char* kInputs[] = {"g", "input", "target"};
constexpr SaveMask kSaves[] = {in(1) | in(2), in(0) | in(1) | in(2), in(0) | in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(CrossEntropyAttrs, reduction, "\"mean\""),
                              GRADUS_ATTR(CrossEntropyAttrs, label_smoothing, "0")};

}  // namespace

extern constinit const OpDef op_soft_cross_entropy_backward = {
    .name = "soft_cross_entropy_backward",
    .doc = "the gradient of soft_cross_entropy for input, from the cotangent g of the loss",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx_ij = s_i (Q_i softmax(x_i)_j - q_ij)",
};

Tensor soft_cross_entropy_backward(Operand g, Operand input, Operand target, const CrossEntropyAttrs& attrs) {
  return apply(op_soft_cross_entropy_backward, {g, input, target}, attrs);
}

}  // namespace gradus
