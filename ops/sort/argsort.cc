// argsort: where the elements in order along one axis were; the second result of sort.
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/order.h"
#include "gradus/ops/sort.h"
#include "gradus/ops/sort/order.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const int axis = c.axis(0, c.attrs<SortAttrs>().dim);
  c.set_out_like(0, 0, DType::i64);
  c.set_scratch(kernels::order_scratch(c.dims(0), c.rank(0), axis));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<SortAttrs>();
  kernels::sort(c.in[0], positive_axis(a.dim, c.in[0].rank), a.descending, nullptr, c.out[0], c.scratch);
}

void samples(SampleSink& s) {
  sample_sort(s);
  s.add_error({s.values({2, 3})}, SortAttrs{-3},
              "argsort: axis -3 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SortAttrs, dim, "-1"), GRADUS_ATTR(SortAttrs, descending, "false")};

}  // namespace

extern constinit const OpDef op_argsort = {
    .name = "argsort",
    .doc = "where the elements in order along dim were; stable",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "a place is a whole number",
    .samples = samples,
    .formula = "y[k] = the i of the k-th smallest x[i]",
};

Tensor argsort(Operand input, std::int64_t dim, bool descending) {
  return apply(op_argsort, {input}, SortAttrs{dim, descending});
}

}  // namespace gradus
