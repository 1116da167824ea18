// cummax: the largest element up to each place along one axis, and where it is; the last of several equal
// ones. From the first NaN on the result is NaN. Derivative: the cotangent of each place goes to the element
// that it was taken from, as PyTorch has it.
#include "gradus/ops/scan.h"
#include "gradus/ops/scan/scan.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) { cumulative_extreme(c, true); }

void samples(SampleSink& s) {
  sample_cumulative_extreme(s);
  s.add_error({s.values({2, 3})}, ScanAttrs{2},
              "cummax: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ScanAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_cummax = {
    .name = "cummax",
    .doc = "the largest element up to each place along dim, and its place",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer_cumulative_extreme,
    .kernel = kernel,
    .rule = route_cumulative_extreme,
    .samples = samples,
    .formula = "y[k] = max_{i <= k} x[i]",
};

ValuesIndices cummax(Operand input, std::int64_t dim) {
  const ScanAttrs attrs{dim};
  Tensor outs[2];
  apply(op_cummax, std::span(&input, 1), &attrs, outs);
  return {std::move(outs[0]), std::move(outs[1])};
}

}  // namespace gradus
