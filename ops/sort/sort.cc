// sort: the elements along one axis in order, and where each was. Stable both ways; a NaN is larger than all
// numbers, -0 equals 0.
// Derivative: the cotangent of each value goes to the element that it was.
#include "gradus/ops/sort.h"

#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/order.h"
#include "gradus/ops/sort/order.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const int axis = c.axis(0, c.attrs<SortAttrs>().dim);
  c.set_out_like(0, 0);
  c.set_out_like(1, 0, DType::i64);
  c.set_scratch(kernels::order_scratch(c.dims(0), c.rank(0), axis));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<SortAttrs>();
  kernels::sort(c.in[0], positive_axis(a.dim, c.in[0].rank), a.descending, &c.out[0], c.out[1], c.scratch);
}

void rule(RuleContext& c) { route_to_places(c, c.attrs<SortAttrs>().dim, true); }

void samples(SampleSink& s) {
  sample_sort(s);
  s.add_error({s.values({2, 3})}, SortAttrs{2},
              "sort: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SortAttrs, dim, "-1"), GRADUS_ATTR(SortAttrs, descending, "false")};

}  // namespace

extern constinit const OpDef op_sort = {
    .name = "sort",
    .doc = "the elements in order along dim, and where each was; stable",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[k] = the k-th smallest x[i]",
};

ValuesIndices sort(Operand input, std::int64_t dim, bool descending) {
  const SortAttrs attrs{dim, descending};
  return apply_values_indices(op_sort, input, &attrs);
}

}  // namespace gradus
