// median along one axis: the middle element, the lower of two, and its place; the first NaN if there is one.
// Selection, not sorting: linear time.
// Derivative: the whole cotangent goes to that place. The form over all axes is median_all.
#include <cmath>

#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/order.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/reduction/extreme.h"
#include "gradus/ops/sort/order.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  infer_extreme_along(c);
  c.set_scratch(kernels::order_scratch(c.dims(0), c.rank(0), c.axis(0, c.attrs<DimAttrs>().dim)));
}

void kernel(KernelContext& c) {
  const int axis = positive_axis(c.attrs<DimAttrs>().dim, c.in[0].rank);
  kernels::select_ranked(c.in[0], axis, (c.in[0].dims[axis] - 1) / 2, true, c.out[0], &c.out[1], c.scratch);
}

void samples(SampleSink& s) {
  s.add({s.values({3, 5})}, DimAttrs{1});
  s.add({s.values({4, 3})}, DimAttrs{0, true}, {.note = "an even number: the lower one"});
  s.add({s.values({2, 7, 3})}, DimAttrs{-2});
  s.add({s.values({67})}, DimAttrs{0}, {.note = "a vector"});
  s.add({s.values({1})}, DimAttrs{0}, {.note = "size 1"});
  s.add({s.values({0, 3})}, DimAttrs{1}, {.note = "no lanes"});
  s.add({SampleSink::f64({3, 4}, {3, 1, 1, 1, 2, NAN, 7, NAN, HUGE_VAL, 0, -HUGE_VAL, 0})}, DimAttrs{1},
        {.gradcheck = false, .note = "several equal ones, NaN, infinities"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, DimAttrs{1});
  s.add_error({s.values({2, 0})}, DimAttrs{1},
              "median: nothing to choose from: axis 1 of input [2, 0] f64 has size 0");
  s.add_error({s.values({2, 3})}, DimAttrs{2},
              "median: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(DimAttrs, dim, nullptr), GRADUS_ATTR(DimAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_median = {
    .name = "median",
    .doc = "the middle element along dim, the lower of two, and its place",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = route_extreme,
    .samples = samples,
    .formula = "y = the ((n + 1) / 2)-th smallest x_i, rounded down",
};

ValuesIndices median(Operand input, std::int64_t dim, bool keepdim) {
  const DimAttrs attrs{dim, keepdim};
  return apply_values_indices(op_median, input, &attrs);
}

}  // namespace gradus
