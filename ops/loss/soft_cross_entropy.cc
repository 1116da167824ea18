// soft_cross_entropy: cross_entropy with probabilities t as the target: loss_i = sum_j q_ij (log sum_k
// exp(x_ik) - x_ij) with q = (1 - e) t + e / C for the label smoothing e. Nothing is normalised: rows of t
// may sum to anything. Derivatives: for x the fused op soft_cross_entropy_backward; for t -(1 - e) g_i
// log_softmax(x_i)_j.
#include <limits>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/cross_entropy.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/loss/loss.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

std::int64_t rows_of(const View& x) { return x.numel / x.dims[x.rank - 1]; }

void infer(InferContext& c) {
  require_probabilities(c, 0);
  const char* reduction = c.attrs<CrossEntropyAttrs>().reduction;
  set_out_loss(c, 0, reduction);
  const std::int64_t rows = c.numel(0) / c.dim(0, c.rank(0) - 1);
  const std::size_t losses = to_reduction(reduction) == Reduction::none ? 0 : room(rows, c.dtype(0));
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)) + losses);
}

// A NaN in the target shows in the loss of its row; only then is it looked for.
template <class T>
void check_probabilities(const KernelContext& c, const void* losses, const void* target) {
  const T* loss = static_cast<const T*>(losses);
  const T* t = static_cast<const T*>(target);
  const std::int64_t n = c.in[1].dims[c.in[1].rank - 1];
  for (std::int64_t i = 0; i < rows_of(c.in[1]); ++i) {
    if (loss[i] == loss[i]) [[likely]]
      continue;
    for (std::int64_t j = i * n; j < (i + 1) * n; ++j) {
      if (t[j] != t[j]) {
        c.fail_value(fmt::format("the probability at {} of target is NaN", format_place(c.in[1], j)));
      }
    }
  }
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<CrossEntropyAttrs>();
  const View& x = c.in[0];
  const std::int64_t rows = rows_of(x);
  auto* scratch = static_cast<std::byte*>(c.scratch);
  kernels::CrossEntropyRows r{
      .dtype = x.dtype, .x = pack(x, &scratch).data, .rows = rows, .n = x.dims[x.rank - 1]};
  r.probabilities = pack(c.in[1], &scratch).data;
  r.smoothing = a.label_smoothing;
  const Reduction reduction = to_reduction(a.reduction);
  void* losses = reduction == Reduction::none ? c.out[0].data : scratch;
  kernels::cross_entropy(r, losses);
  if (x.dtype == DType::f32)
    check_probabilities<float>(c, losses, r.probabilities);
  else
    check_probabilities<double>(c, losses, r.probabilities);
  if (reduction == Reduction::none) return;
  kernels::reduce(reduction == Reduction::sum ? kernels::Reduction::sum : kernels::Reduction::mean,
                  View{losses, &rows, nullptr, rows, 1, x.dtype}, 1, c.out[0]);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<CrossEntropyAttrs>();
  if (c.needs(0)) c.set(0, soft_cross_entropy_backward(c.grad(), c.input(0), c.input(1), a));
  if (c.needs(1)) {
    const Tensor x = c.input(0);
    const Reduction reduction = to_reduction(a.reduction);
    double factor = a.label_smoothing - 1;
    if (reduction == Reduction::mean) factor /= static_cast<double>(rows_of(x.view()));
    const Tensor g = reduction == Reduction::none ? unsqueeze(c.grad(), -1) : c.grad();
    c.set(1, mul(mul(g, factor), log_softmax(x, -1)));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, 0, 1)}, CrossEntropyAttrs{});
  s.add({s.values({3, 4}), s.values({3, 4}, 0, 1)},
        CrossEntropyAttrs{.reduction = "sum", .label_smoothing = 0.25});
  s.add({s.values({2, 3, 19}), s.values({2, 3, 19}, 0, 1)}, CrossEntropyAttrs{.reduction = "none"},
        {.note = "a tail behind whole vectors"});
  s.add({s.values({4}), s.values({4}, 0, 1)}, CrossEntropyAttrs{}, {.note = "one row"});
  s.add({s.values({2, 1}), s.values({2, 1}, 0, 1)}, CrossEntropyAttrs{}, {.note = "one class"});
  s.add({s.values({0, 3}), s.values({0, 3})}, CrossEntropyAttrs{.reduction = "sum"}, {.note = "no rows"});
  s.add_error({s.values({3, 4}), s.values({3})}, CrossEntropyAttrs{},
              "soft_cross_entropy: there is one probability for each score: input [3, 4] f64, target [3] "
              "f64; nothing is "
              "broadcast, and labels are integers");
  s.add_error({s.values({1, 2}), SampleSink::f64({1, 2}, {1, std::numeric_limits<double>::quiet_NaN()})},
              CrossEntropyAttrs{}, "soft_cross_entropy: the probability at [0, 1] of target is NaN");
}

constexpr const char* kInputs[] = {"input", "target"};
constexpr SaveMask kSaves[] = {in(0) | in(1), in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(CrossEntropyAttrs, reduction, "\"mean\""),
                              GRADUS_ATTR(CrossEntropyAttrs, label_smoothing, "0")};

}  // namespace

extern constinit const OpDef op_soft_cross_entropy = {
    .name = "soft_cross_entropy",
    .doc = "-sum(target log softmax(input)), classes on the last axis; reduced by mean, sum or not",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "loss_i = sum_j t_ij (log sum_k exp(x_ik) - x_ij)",
};

Tensor soft_cross_entropy(Operand input, Operand target, const CrossEntropyAttrs& attrs) {
  return apply(op_soft_cross_entropy, {input, target}, attrs);
}

}  // namespace gradus
