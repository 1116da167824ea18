// cross_entropy_backward: dx_ij = s_i (softmax(x_i)_j - q_ij), where s_i is the cotangent of row i's loss
// (divided by the number of rows that count for reduction mean, 0 for an ignored row); see cross_entropy.cc
// for q. Derivatives, with the cotangent c: for g the sum of c dx / g; for x softmax_backward(c s,
// softmax(x)).
#include <algorithm>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/softmax.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/kernels/cross_entropy.h"
#include "gradus/ops/loss/loss.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

namespace {

void infer(InferContext& c) {
  require_labels(c, 1);
  require_cotangent(c, 1, c.attrs<CrossEntropyAttrs>().reduction);
  c.set_out_like(0, 1);
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)) + pack_room(c.impl(2)));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<CrossEntropyAttrs>();
  const View& x = c.in[1];
  const std::int64_t rows = c.in[2].numel, classes = x.dims[x.rank - 1];
  check_labels(c.in[2], classes, a.ignores ? std::optional(a.ignore_index) : std::nullopt, c.op->name,
               c.where);
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const void* g = pack(c.in[0], &scratch).data;
  kernels::CrossEntropyRows r{.dtype = x.dtype, .x = pack(x, &scratch).data, .rows = rows, .n = classes};
  r.labels = static_cast<const std::int64_t*>(pack(c.in[2], &scratch).data);
  r.smoothing = a.label_smoothing;
  r.ignores = a.ignores;
  r.ignored = a.ignore_index;
  const Reduction reduction = to_reduction(a.reduction);
  double factor = 1;
  if (reduction == Reduction::mean) {
    const std::int64_t ignored = a.ignores ? std::count(r.labels, r.labels + rows, a.ignore_index) : 0;
    factor = 1 / static_cast<double>(rows - ignored);
  }
  kernels::cross_entropy_backward(r, g, reduction == Reduction::none ? 1 : 0, factor, c.out[0].data);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<CrossEntropyAttrs>();
  const Reduction reduction = to_reduction(a.reduction);
  const Tensor x = c.input(1), labels = c.input(2), cotangent = c.grad();
  if (c.needs(0)) {
    const Shape shape = c.input_shape(0);
    const Tensor product = mul(cotangent, cross_entropy_backward(ones(shape, x.dtype()), x, labels, a));
    c.set(0, reduction == Reduction::none ? sum(product, -1) : sum(product));
  }
  if (c.needs(1)) {
    Tensor scale = c.input(0);
    if (reduction == Reduction::none) scale = unsqueeze(scale, -1);
    double count = static_cast<double>(labels.numel());
    if (a.ignores) {
      const Tensor counts = astype(ne(labels, a.ignore_index), x.dtype());
      scale = mul(scale, unsqueeze(counts, -1));
      count = sum(counts).item();
    }
    if (reduction == Reduction::mean) scale = div(scale, count);
    c.set(1, softmax_backward(mul(cotangent, scale), softmax(x, -1), -1));
  }
}

void samples(SampleSink& s) {
  const Tensor labels = SampleSink::i64({3}, {2, 0, 3});
  s.add({s.values({}), s.values({3, 4}), labels}, CrossEntropyAttrs{});
  s.add({s.values({}), s.values({3, 4}), labels},
        CrossEntropyAttrs{.reduction = "sum", .label_smoothing = 0.25});
  s.add({s.values({3}), s.values({3, 4}), labels}, CrossEntropyAttrs{.reduction = "none"});
  s.add({s.values({}), s.values({2, 2, 19}), SampleSink::i64({2, 2}, {18, 0, 7, 7})}, CrossEntropyAttrs{},
        {.note = "a tail behind whole vectors"});
  s.add({s.values({}), s.values({4, 3}), SampleSink::i64({4}, {2, -100, 0, -100})},
        CrossEntropyAttrs{.ignores = true, .ignore_index = -100});
  s.add({s.values({}), s.values({4}), SampleSink::i64({}, {1})}, CrossEntropyAttrs{}, {.note = "one row"});
  s.add({s.values({}), s.values({2, 1}), SampleSink::i64({2}, {0, 0})}, CrossEntropyAttrs{},
        {.note = "one class"});
  s.add({s.values({}), s.values({0, 3}), SampleSink::i64({0}, {})}, CrossEntropyAttrs{.reduction = "sum"},
        {.note = "no rows"});
  s.add_error({s.values({2}), s.values({3, 4}), labels}, CrossEntropyAttrs{},
              "cross_entropy_backward: the cotangent has not the loss's shape []: g [2] f64");
  s.add_error(
      {s.values({}), s.values({1, 4}), SampleSink::i64({1}, {-1})}, CrossEntropyAttrs{},
      "cross_entropy_backward: label -1 at [0] of target is out of range: there are the classes 0..3; pass "
      ".ignore_index = -1 if it marks rows that do not count");
}

constexpr const char* kInputs[] = {"g", "input", "target"};
constexpr SaveMask kSaves[] = {in(1) | in(2), in(0) | in(1) | in(2), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(CrossEntropyAttrs, reduction, "\"mean\""),
                              GRADUS_ATTR(CrossEntropyAttrs, label_smoothing, "0"),
                              GRADUS_ATTR(CrossEntropyAttrs, ignores, "false"),
                              GRADUS_ATTR(CrossEntropyAttrs, ignore_index, "0")};

}  // namespace

extern constinit const OpDef op_cross_entropy_backward = {
    .name = "cross_entropy_backward",
    .doc = "the gradient of cross_entropy for input, from the cotangent g of the loss",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx_ij = s_i (softmax(x_i)_j - q_ij)",
};

Tensor cross_entropy_backward(Operand g, Operand input, Operand target, const CrossEntropyAttrs& attrs) {
  return apply(op_cross_entropy_backward, {g, input, target}, attrs);
}

}  // namespace gradus
