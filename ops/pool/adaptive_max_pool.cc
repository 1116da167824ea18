// adaptive_max_pool: the largest element of each of `size` windows an axis; window i of an axis of n places
// reads floor(i n / size) to ceil((i + 1) n / size) - 1. The rest is as in max_pool.
// Derivative: the cotangent goes to the element that was chosen: max_pool_backward.
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/pool/windows.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_max_pool(c, windows_of(c.attrs<AdaptivePoolAttrs>())); }

void kernel(KernelContext& c) { run_max_pool(c, windows_of(c.attrs<AdaptivePoolAttrs>())); }

void rule(RuleContext& c) { differentiate_max_pool(c, windows_of(c.attrs<AdaptivePoolAttrs>())); }

void samples(SampleSink& s) {
  s.add({s.values({2, 3, 5, 7})}, AdaptivePoolAttrs{{2, 3}});
  s.add({s.values({2, 18, 20, 20})}, AdaptivePoolAttrs{{1, 1}}, {.note = "one window of all places"});
  s.add({s.values({3, 8})}, AdaptivePoolAttrs{{4}}, {.note = "one axis, unbatched"});
  s.add({s.values({1, 2, 3, 5, 4})}, AdaptivePoolAttrs{{2, 3, 3}}, {.note = "three axes"});
  s.add({s.values({1, 2, 2, 3})}, AdaptivePoolAttrs{{3, 5}}, {.note = "more windows than places"});
  s.add({s.values({1, 1, 1})}, AdaptivePoolAttrs{{1}}, {.note = "size 1"});
  s.add({s.values({0, 2, 4, 4})}, AdaptivePoolAttrs{{2, 2}}, {.note = "no images"});
  s.add({SampleSink::f64({1, 1, 6}, {1, 3, 3, 2, NAN, 9})}, AdaptivePoolAttrs{{2}},
        {.gradcheck = false, .note = "ties, NaN"});
  s.add_error({s.values({1, 2, 3, 3})}, AdaptivePoolAttrs{{0, 2}},
              "adaptive_max_pool: output size 0 of axis 2 is not in 1..2^31: input [1, 2, 3, 3] f64");
  s.add_error({s.values({1, 2, 0})}, AdaptivePoolAttrs{{2}},
              "adaptive_max_pool: axis 2 of input [1, 2, 0] f64 has no elements to pool");
  s.add_error(
      {s.values({3})}, AdaptivePoolAttrs{{2}},
      "adaptive_max_pool: takes 1 spatial axes behind C, or behind N and C: input [3] f64 has 1 axes");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(AdaptivePoolAttrs, output_size, nullptr)};

}  // namespace

extern constinit const OpDef op_adaptive_max_pool = {
    .name = "adaptive_max_pool",
    .doc = "the largest element of each of output_size windows an axis, and which of its places it was",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[o] = max x[floor(o n / size) .. ceil((o + 1) n / size) - 1]",
};

namespace {

ValuesIndices pooled(const Operand& input, const Dims& output_size, int spatial, const char* name,
                     bool with_indices) {
  require_spatial(input, spatial, name);
  const AdaptivePoolAttrs attrs{spread(output_size, spatial, "output_size", name, input.where)};
  return apply_max_pool(op_adaptive_max_pool, input, &attrs, windows_of(attrs), with_indices);
}

}  // namespace

Tensor adaptive_max_pool1d(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 1, "adaptive_max_pool1d", false).values;
}
Tensor adaptive_max_pool2d(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 2, "adaptive_max_pool2d", false).values;
}
Tensor adaptive_max_pool3d(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 3, "adaptive_max_pool3d", false).values;
}
ValuesIndices adaptive_max_pool1d_with_indices(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 1, "adaptive_max_pool1d_with_indices", true);
}
ValuesIndices adaptive_max_pool2d_with_indices(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 2, "adaptive_max_pool2d_with_indices", true);
}
ValuesIndices adaptive_max_pool3d_with_indices(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 3, "adaptive_max_pool3d_with_indices", true);
}

}  // namespace gradus
