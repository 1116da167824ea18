// median_all: the middle element of a whole tensor, the lower of two; NaN if there is one. median(x).
// Derivative: in equal shares to all elements that equal the result, as PyTorch has it.
#include <cmath>

#include "gradus/ops/kernels/order.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/reduction/extreme.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_elements(c, set_out_reduced(c, 0, {}, false, c.dtype(0)));
  const std::int64_t n = c.numel(0);
  c.set_scratch(pack_room(c.impl(0)) + kernels::order_scratch(&n, 1, 0));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  View x = pack(c.in[0], &scratch);
  const std::int64_t n = x.numel;
  x.dims = &n;
  x.rank = 1;
  x.strides = nullptr;
  kernels::select_ranked(x, 0, (n - 1) / 2, true, c.out[0], nullptr, scratch);
}

void samples(SampleSink& s) {
  s.add({s.values({3, 5})}, ReduceAttrs{});
  s.add({s.values({2, 3, 2})}, ReduceAttrs{}, {.note = "an even number: the lower one"});
  s.add({s.values({67})}, ReduceAttrs{}, {.note = "a vector"});
  s.add({s.values({})}, ReduceAttrs{}, {.note = "scalar"});
  s.add({SampleSink::f64({5}, {3, 1, 1, 1, 2})}, ReduceAttrs{}, {.gradcheck = false, .note = "ties share"});
  s.add({SampleSink::f64({5}, {3, NAN, 1, NAN, 2})}, ReduceAttrs{}, {.gradcheck = false, .note = "NaN"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, ReduceAttrs{});
  s.add_error({s.values({2, 0})}, ReduceAttrs{},
              "median_all: nothing to choose from: axis 1 of input [2, 0] f64 has size 0");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ReduceAttrs, dims, "{}"),
                              GRADUS_ATTR(ReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_median_all = {
    .name = "median_all",
    .doc = "the middle element of a whole tensor, the lower of two",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = share_extreme,
    .samples = samples,
    .formula = "y = the ((n + 1) / 2)-th smallest x_i, rounded down",
};

Tensor median(Operand input) { return apply(op_median_all, {input}, ReduceAttrs{}); }

}  // namespace gradus
