// min along one axis: the smallest element and its place; a NaN wins.
// Derivative: the whole cotangent goes to that place, as PyTorch has it. The form over all axes is amin.
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/extreme.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) { extreme_along(c, false); }

void samples(SampleSink& s) {
  sample_extreme_along(s);
  s.add_error({s.values({2, 0})}, DimAttrs{1},
              "min: nothing to choose from: axis 1 of input [2, 0] f64 has size 0");
  s.add_error({s.values({2, 3})}, DimAttrs{2},
              "min: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(DimAttrs, dim, nullptr), GRADUS_ATTR(DimAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_min = {
    .name = "min",
    .doc = "the smallest element along dim and its place; the gradient goes to that place",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer_extreme_along,
    .kernel = kernel,
    .rule = route_extreme,
    .samples = samples,
    .formula = "y = min_i x_i",
};

ValuesIndices min(Operand input, std::int64_t dim, bool keepdim) {
  const DimAttrs attrs{dim, keepdim};
  Tensor outs[2];
  apply(op_min, std::span(&input, 1), &attrs, outs);
  return {std::move(outs[0]), std::move(outs[1])};
}

}  // namespace gradus
