// topk: the k largest (or smallest) elements along one axis, the most extreme first, and where they were. Of
// equal elements the first ones; a NaN is larger than all numbers.
// Derivative: the cotangent of each value goes to the element that it was.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/order.h"
#include "gradus/ops/sort.h"
#include "gradus/ops/sort/order.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<TopkAttrs>();
  const int axis = c.axis(0, a.dim);
  if (a.k < 0 || a.k > c.dim(0, axis)) {
    c.value_error(fmt::format("k = {} is out of range: {} has {} elements along axis {}", a.k, c.describe(0),
                              c.dim(0, axis), axis));
  }
  Shape shape = c.shape(0);
  shape[axis] = a.k;
  c.set_out(0, c.dtype(0), shape);
  c.set_out(1, DType::i64, shape);
  c.set_scratch(kernels::order_scratch(c.dims(0), c.rank(0), axis));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<TopkAttrs>();
  kernels::sort(c.in[0], positive_axis(a.dim, c.in[0].rank), a.largest, &c.out[0], c.out[1], c.scratch);
}

void rule(RuleContext& c) { route_to_places(c, c.attrs<TopkAttrs>().dim, true); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, TopkAttrs{2});
  s.add({s.values({3, 4})}, TopkAttrs{1, 0, false});
  s.add({s.values({2, 5, 3})}, TopkAttrs{3, 1});
  s.add({s.values({4})}, TopkAttrs{4}, {.note = "all of them"});
  s.add({s.values({4})}, TopkAttrs{0}, {.note = "none of them"});
  s.add({s.values({1})}, TopkAttrs{1}, {.note = "size 1"});
  s.add({s.values({0, 3})}, TopkAttrs{2}, {.note = "no lanes"});
  s.add({SampleSink::f64({2, 5}, {1, 3, 3, 0, 3, 2, NAN, 7, NAN, HUGE_VAL})}, TopkAttrs{2},
        {.gradcheck = false, .note = "the first of several, NaN"});
  s.add({SampleSink::f64({2, 5}, {1, 0, 3, 0, 3, 2, NAN, 7, NAN, -HUGE_VAL})}, TopkAttrs{4, 1, false},
        {.gradcheck = false, .note = "the smallest, NaN"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, TopkAttrs{2});
  s.add_error({s.values({2, 3})}, TopkAttrs{4},
              "topk: k = 4 is out of range: input [2, 3] f64 has 3 elements along axis 1");
  s.add_error({s.values({2, 3})}, TopkAttrs{-1, 0},
              "topk: k = -1 is out of range: input [2, 3] f64 has 2 elements along axis 0");
  s.add_error({s.values({2, 3})}, TopkAttrs{1, 2},
              "topk: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(TopkAttrs, k, nullptr), GRADUS_ATTR(TopkAttrs, dim, "-1"),
                              GRADUS_ATTR(TopkAttrs, largest, "true")};

}  // namespace

extern constinit const OpDef op_topk = {
    .name = "topk",
    .doc = "the k largest or smallest elements along dim, and where they were",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "TopK",
    .formula = "y[j] = the j-th largest x[i], j < k",
};

ValuesIndices topk(Operand input, std::int64_t k, std::int64_t dim, bool largest) {
  const TopkAttrs attrs{k, dim, largest};
  return apply_values_indices(op_topk, input, &attrs);
}

}  // namespace gradus
