// adaptive_avg_pool: the mean of each of `size` windows an axis; window i of an axis of n places reads
// floor(i n / size) to ceil((i + 1) n / size) - 1.
// Derivative: linear, so each cotangent over its divisor added to the places of its window:
// avg_pool_backward.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/pool.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/pool/windows.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_avg_pool(c, windows_of(c.attrs<AdaptivePoolAttrs>())); }

void kernel(KernelContext& c) { run_avg_pool(c, windows_of(c.attrs<AdaptivePoolAttrs>()), {}); }

void rule(RuleContext& c) {
  AvgPoolBackwardAttrs back;
  back.output_size = c.attrs<AdaptivePoolAttrs>().output_size;
  back.shape = c.input_shape(0);
  c.set(0, avg_pool_backward(c.grad(), back));
}

void samples(SampleSink& s) {
  s.add({s.values({2, 3, 5, 7})}, AdaptivePoolAttrs{{2, 3}});
  s.add({s.values({2, 18, 4, 5})}, AdaptivePoolAttrs{{1, 1}}, {.note = "one window of all places"});
  s.add({s.values({3, 8})}, AdaptivePoolAttrs{{4}}, {.note = "one axis, unbatched"});
  s.add({s.values({1, 2, 3, 5, 4})}, AdaptivePoolAttrs{{2, 3, 3}}, {.note = "three axes"});
  s.add({s.values({1, 2, 2, 3})}, AdaptivePoolAttrs{{3, 5}}, {.note = "more windows than places"});
  s.add({s.values({1, 1, 1})}, AdaptivePoolAttrs{{1}}, {.note = "size 1"});
  s.add({s.values({0, 2, 4, 4})}, AdaptivePoolAttrs{{2, 2}}, {.note = "no images"});
  s.add_error({s.values({1, 2, 3, 3})}, AdaptivePoolAttrs{{2, -1}},
              "adaptive_avg_pool: output size -1 of axis 3 is not in 1..2^31: input [1, 2, 3, 3] f64");
  s.add_error({s.values({1, 2, 0})}, AdaptivePoolAttrs{{2}},
              "adaptive_avg_pool: axis 2 of input [1, 2, 0] f64 has no elements to pool");
  s.add_error({SampleSink::i64({1, 2}, {0, 1})}, AdaptivePoolAttrs{{2}},
              "adaptive_avg_pool: takes floating-point numbers: input [1, 2] i64; convert it with astype(x, "
              "DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(AdaptivePoolAttrs, output_size, nullptr)};

}  // namespace

extern constinit const OpDef op_adaptive_avg_pool = {
    .name = "adaptive_avg_pool",
    .doc = "the mean of each of output_size windows an axis",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[o] = mean x[floor(o n / size) .. ceil((o + 1) n / size) - 1]",
};

namespace {

Tensor pooled(const Operand& input, const Dims& output_size, int spatial, const char* name) {
  require_spatial(input, spatial, name);
  const Dims size = spread(output_size, spatial, "output_size", name, input.where);
  return apply(op_adaptive_avg_pool, {input}, AdaptivePoolAttrs{size});
}

}  // namespace

Tensor adaptive_avg_pool1d(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 1, "adaptive_avg_pool1d");
}
Tensor adaptive_avg_pool2d(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 2, "adaptive_avg_pool2d");
}
Tensor adaptive_avg_pool3d(Operand input, const Dims& output_size) {
  return pooled(input, output_size, 3, "adaptive_avg_pool3d");
}

}  // namespace gradus
