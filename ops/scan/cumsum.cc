// cumsum: y[k] = sum of x[i], i <= k, along one axis; i < k where exclusive; from the end where reverse.
// Derivative: linear, so the transposed sum of the cotangent: the same with the other direction.
// f32 adds up in f64, as PyTorch does: the error of a long sum is that of its last rounding.
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/lanes.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/scan/scan.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.axis(0, c.attrs<CumsumAttrs>().dim);
  c.set_out_like(0, 0, is_floating(c.dtype(0)) ? c.dtype(0) : DType::i64);
}

// Sum is unsigned for integers, which wrap around.
template <class In, class Out, class Sum>
void run(const KernelContext& c) {
  const auto& a = c.attrs<CumsumAttrs>();
  const In* x = c.in[0].as<const In>();
  Out* y = c.out[0].as<Out>();
  const bool exclusive = a.exclusive;
  kernels::for_lane_blocks({&c.in[0], &c.out[0]}, positive_axis(a.dim, c.in[0].rank),
                           [&](const kernels::LaneBlock<2>& block) {
                             Sum sum[kernels::kLaneWidth] = {};
                             if (exclusive) {
                               const auto step = [&](int w, std::int64_t, In v, Out& to) {
                                 to = static_cast<Out>(sum[w]);
                                 sum[w] += static_cast<Sum>(v);
                               };
                               return block.walk(a.reverse, step, x, y);
                             }
                             const auto step = [&](int w, std::int64_t, In v, Out& to) {
                               sum[w] += static_cast<Sum>(v);
                               to = static_cast<Out>(sum[w]);
                             };
                             block.walk(a.reverse, step, x, y);
                           });
}

void kernel(KernelContext& c) {
  using I = std::int64_t;
  using U = std::uint64_t;
  switch (c.in[0].dtype) {
    case DType::f32:
      return run<float, float, double>(c);
    case DType::f64:
      return run<double, double, double>(c);
    case DType::i32:
      return run<std::int32_t, I, U>(c);
    case DType::i64:
      return run<I, I, U>(c);
    default:
      return run<std::uint8_t, I, U>(c);
  }
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<CumsumAttrs>();
  c.set(0, cumsum(c.grad(), a.dim, {.exclusive = a.exclusive, .reverse = !a.reverse}));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, CumsumAttrs{0});
  s.add({s.values({3, 4})}, CumsumAttrs{-1, false, true});
  s.add({s.values({2, 3, 4})}, CumsumAttrs{1, true, false});
  s.add({s.values({2, 3, 2})}, CumsumAttrs{0, true, true});
  s.add({s.values({5, 35})}, CumsumAttrs{0}, {.note = "whole blocks of lanes and a rest"});
  s.add({s.values({70})}, CumsumAttrs{0}, {.note = "a vector"});
  s.add({s.values({1})}, CumsumAttrs{0, true, false}, {.note = "size 1"});
  s.add({s.values({0, 3})}, CumsumAttrs{0}, {.note = "empty"});
  s.add({s.values({3, 0})}, CumsumAttrs{0}, {.note = "no lanes"});
  s.add({SampleSink::f64({4}, {1, HUGE_VAL, 2, -HUGE_VAL})}, CumsumAttrs{0},
        {.gradcheck = false, .note = "infinities"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, CumsumAttrs{1});
  s.add({SampleSink::boolean({4}, {1, 0, 1, 1})}, CumsumAttrs{0}, {.note = "bool: a count"});
  s.add_error({s.values({2, 3})}, CumsumAttrs{2},
              "cumsum: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
  s.add_error({s.values({})}, CumsumAttrs{0}, "cumsum: axis 0 is out of range: input [] f64 has no axes");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(CumsumAttrs, dim, nullptr),
                              GRADUS_ATTR(CumsumAttrs, exclusive, "false"),
                              GRADUS_ATTR(CumsumAttrs, reverse, "false")};

}  // namespace

extern constinit const OpDef op_cumsum = {
    .name = "cumsum",
    .doc = "the sum of the elements up to each place along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "CumSum",
    .formula = "y[k] = sum_{i <= k} x[i]",
};

Tensor cumsum(Operand input, std::int64_t dim, CumsumOptions options) {
  return apply(op_cumsum, {input}, CumsumAttrs{dim, options.exclusive, options.reverse});
}

}  // namespace gradus
