// cross_entropy with labels: loss_i = sum_j q_ij (log sum_k exp(x_ik) - x_ij) with q = (1 - e) [j = label_i]
// + e / C for the label smoothing e. One pass over each row in the first-level cache. Derivative: dx_ij = g_i
// (softmax(x_i)_j - q_ij), one fused op: cross_entropy_backward.
#include "gradus/ops/kernels/cross_entropy.h"

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/loss/loss.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_labels(c, 0);
  const char* reduction = c.attrs<CrossEntropyAttrs>().reduction;
  set_out_loss(c, 0, reduction);
  const std::size_t losses = to_reduction(reduction) == Reduction::none ? 0 : room(c.numel(1), c.dtype(0));
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)) + losses);
}

template <class T>
void divide(void* sum, std::int64_t count) {
  *static_cast<T*>(sum) /= static_cast<T>(count);
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<CrossEntropyAttrs>();
  const View& x = c.in[0];
  const std::int64_t rows = c.in[1].numel, classes = x.dims[x.rank - 1];
  check_labels(c.in[1], classes, a.ignores ? std::optional(a.ignore_index) : std::nullopt, c.op->name,
               c.where);
  auto* scratch = static_cast<std::byte*>(c.scratch);
  kernels::CrossEntropyRows r{.dtype = x.dtype, .x = pack(x, &scratch).data, .rows = rows, .n = classes};
  r.labels = static_cast<const std::int64_t*>(pack(c.in[1], &scratch).data);
  r.smoothing = a.label_smoothing;
  r.ignores = a.ignores;
  r.ignored = a.ignore_index;
  const Reduction reduction = to_reduction(a.reduction);
  if (reduction == Reduction::none) return kernels::cross_entropy(r, c.out[0].data);
  kernels::cross_entropy(r, scratch);
  kernels::reduce(kernels::Reduction::sum, View{scratch, &rows, nullptr, rows, 1, x.dtype}, 1, c.out[0]);
  if (reduction == Reduction::sum) return;
  const std::int64_t ignored = a.ignores ? std::count(r.labels, r.labels + rows, a.ignore_index) : 0;
  if (x.dtype == DType::f32)
    divide<float>(c.out[0].data, rows - ignored);
  else
    divide<double>(c.out[0].data, rows - ignored);
}

void rule(RuleContext& c) {
  if (c.needs(0)) {
    c.set(0, cross_entropy_backward(c.grad(), c.input(0), c.input(1), c.attrs<CrossEntropyAttrs>()));
  }
}

void samples(SampleSink& s) {
  const Tensor labels = SampleSink::i64({3}, {2, 0, 3});
  s.add({s.values({3, 4}), labels}, CrossEntropyAttrs{});
  s.add({s.values({3, 4}), labels}, CrossEntropyAttrs{.reduction = "sum"});
  s.add({s.values({3, 4}), labels}, CrossEntropyAttrs{.reduction = "none", .label_smoothing = 0.1});
  s.add({s.values({2, 2, 19}), SampleSink::i64({2, 2}, {18, 0, 7, 7})},
        CrossEntropyAttrs{.label_smoothing = 1},
        {.note = "a tail behind whole vectors; nothing but smoothing"});
  s.add({s.values({4, 3}), SampleSink::i64({4}, {2, -100, 0, -100})},
        CrossEntropyAttrs{.ignores = true, .ignore_index = -100});
  s.add({s.values({4}), SampleSink::i64({}, {1})}, CrossEntropyAttrs{}, {.note = "one row"});
  s.add({s.values({2, 1}), SampleSink::i64({2}, {0, 0})}, CrossEntropyAttrs{}, {.note = "one class"});
  s.add({s.values({2, 3}, 900, 1000), SampleSink::i64({2}, {0, 1})}, CrossEntropyAttrs{},
        {.note = "exp would overflow"});
  s.add({s.values({0, 3}), SampleSink::i64({0}, {})}, CrossEntropyAttrs{.reduction = "sum"},
        {.note = "no rows"});
  s.add({s.values({0, 3}), SampleSink::i64({0}, {})}, CrossEntropyAttrs{},
        {.gradcheck = false, .note = "the mean of no rows: NaN"});
  s.add_error({s.values({3, 4}), SampleSink::i64({3}, {2, 0, 4})}, CrossEntropyAttrs{},
              "cross_entropy: label 4 at [2] of target is out of range: there are the classes 0..3; pass "
              ".ignore_index = "
              "4 if it marks rows that do not count");
  s.add_error({s.values({3, 4}), SampleSink::i64({3, 1}, {2, 0, 1})}, CrossEntropyAttrs{},
              "cross_entropy: there is one label for each row of classes: input [3, 4] f64, target [3, 1] "
              "i64; target "
              "must be [3]");
  s.add_error({s.values({3, 4}), SampleSink::boolean({3}, {1, 0, 1})}, CrossEntropyAttrs{},
              "cross_entropy: labels are i64 integers: target [3] bool");
  s.add_error({s.values({3, 4}), labels}, CrossEntropyAttrs{.label_smoothing = 1.5},
              "cross_entropy: label_smoothing is 1.5; it must lie in 0..1");
  s.add_error({s.values({3, 0}), labels}, CrossEntropyAttrs{},
              "cross_entropy: there are no classes: input [3, 0] f64");
}

constexpr const char* kInputs[] = {"input", "target"};
constexpr SaveMask kSaves[] = {in(0) | in(1), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(CrossEntropyAttrs, reduction, "\"mean\""),
                              GRADUS_ATTR(CrossEntropyAttrs, label_smoothing, "0"),
                              GRADUS_ATTR(CrossEntropyAttrs, ignores, "false"),
                              GRADUS_ATTR(CrossEntropyAttrs, ignore_index, "0")};

}  // namespace

extern constinit const OpDef op_cross_entropy = {
    .name = "cross_entropy",
    .doc = "-log softmax(input)[label], classes on the last axis; reduced by mean, sum or not",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "SoftmaxCrossEntropyLoss",
    .formula = "loss_i = log sum_k exp(x_ik) - x_i,label(i)",
};

Tensor cross_entropy(Operand input, Operand target, const CrossEntropyOptions& options) {
  const CrossEntropyAttrs attrs{to_string(options.reduction), options.label_smoothing,
                                options.ignore_index.has_value(), options.ignore_index.value_or(0)};
  if (input.impl == nullptr || target.impl == nullptr) return apply(op_cross_entropy, {input, target}, attrs);
  const bool soft = is_floating(target.dtype());
  if (soft && attrs.ignores) {
    throw_error<ValueError>(
        input.where, "cross_entropy",
        "ignore_index is {}, but target {} holds probabilities; rows of zeros do not count there",
        attrs.ignore_index, describe(*target.impl));
  }
  const ClassRows rows = classes_last(input, target, "cross_entropy");
  if (options.weight.defined()) return weighted_cross_entropy(rows, options, input.where);
  const Operand scores(rows.input, input.where), wanted(rows.target, input.where);
  return soft ? soft_cross_entropy(scores, wanted, attrs) : apply(op_cross_entropy, {scores, wanted}, attrs);
}

}  // namespace gradus
