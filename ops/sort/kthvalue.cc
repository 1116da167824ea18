// kthvalue: the k-th smallest element along one axis, k from 1, and where it was. A NaN is larger than all
// numbers. Selection, not sorting: linear time.
// Derivative: the cotangent goes to the element that it was.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/order.h"
#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/sort.h"
#include "gradus/ops/sort/order.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<KthvalueAttrs>();
  set_out_reduced(c, 0, a.dim, a.keepdim, c.dtype(0));
  set_out_reduced(c, 1, a.dim, a.keepdim, DType::i64);
  const int axis = c.axis(0, a.dim);
  if (a.k < 1 || a.k > c.dim(0, axis)) {
    c.value_error(fmt::format("k = {} is out of range: {} has {} elements along axis {}; k counts from 1",
                              a.k, c.describe(0), c.dim(0, axis), axis));
  }
  c.set_scratch(kernels::order_scratch(c.dims(0), c.rank(0), axis));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<KthvalueAttrs>();
  kernels::select_ranked(c.in[0], positive_axis(a.dim, c.in[0].rank), a.k - 1, false, c.out[0], &c.out[1],
                         c.scratch);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<KthvalueAttrs>();
  route_to_places(c, a.dim, a.keepdim);
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, KthvalueAttrs{2});
  s.add({s.values({3, 4})}, KthvalueAttrs{3, 0, true});
  s.add({s.values({2, 5, 3})}, KthvalueAttrs{1, 1});
  s.add({s.values({67})}, KthvalueAttrs{40}, {.note = "a vector"});
  s.add({s.values({1})}, KthvalueAttrs{1}, {.note = "size 1"});
  s.add({s.values({0, 3})}, KthvalueAttrs{2}, {.note = "no lanes"});
  s.add({SampleSink::f64({2, 4}, {3, 1, 1, 1, 2, NAN, 7, NAN})}, KthvalueAttrs{3},
        {.gradcheck = false, .note = "several equal ones, NaN last"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, KthvalueAttrs{2});
  s.add_error(
      {s.values({2, 3})}, KthvalueAttrs{0},
      "kthvalue: k = 0 is out of range: input [2, 3] f64 has 3 elements along axis 1; k counts from 1");
  s.add_error(
      {s.values({2, 3})}, KthvalueAttrs{3, 0},
      "kthvalue: k = 3 is out of range: input [2, 3] f64 has 2 elements along axis 0; k counts from 1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(KthvalueAttrs, k, nullptr), GRADUS_ATTR(KthvalueAttrs, dim, "-1"),
                              GRADUS_ATTR(KthvalueAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_kthvalue = {
    .name = "kthvalue",
    .doc = "the k-th smallest element along dim, counted from 1, and where it was",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = the k-th smallest x[i]",
};

ValuesIndices kthvalue(Operand input, std::int64_t k, std::int64_t dim, bool keepdim) {
  const KthvalueAttrs attrs{k, dim, keepdim};
  return apply_values_indices(op_kthvalue, input, &attrs);
}

}  // namespace gradus
