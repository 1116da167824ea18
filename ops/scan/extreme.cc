// What cummax and cummin share.
#include <limits>

#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/lanes.h"
#include "gradus/ops/scan/scan.h"

namespace gradus {
namespace {

template <class T>
void run(const KernelContext& c, bool largest) {
  const T* x = c.in[0].as<const T>();
  T* values = c.out[0].as<T>();
  auto* places = c.out[1].as<std::int64_t>();
  kernels::for_lane_blocks(
      {&c.in[0], &c.out[0], &c.out[1]}, positive_axis(c.attrs<ScanAttrs>().dim, c.in[0].rank),
      [&](const kernels::LaneBlock<3>& block) {
        T best[kernels::kLaneWidth] = {};
        std::int64_t at[kernels::kLaneWidth] = {};
        const auto step = [&](int w, std::int64_t k, T v, T& value, std::int64_t& place) {
          const bool nan = v != v;
          // The last of several equal ones, and the last NaN, as PyTorch has it.
          const bool beats = largest ? v >= best[w] : v <= best[w];
          const bool taken = k == 0 || nan || beats;
          best[w] = taken ? v : best[w];
          at[w] = taken ? k : at[w];
          value = best[w];
          place = at[w];
        };
        block.walk(false, step, x, values, places);
      });
}

}  // namespace

void infer_cumulative_extreme(InferContext& c) {
  c.axis(0, c.attrs<ScanAttrs>().dim);
  c.set_out_like(0, 0);
  c.set_out_like(1, 0, DType::i64);
}

void cumulative_extreme(const KernelContext& c, bool largest) {
  switch (c.in[0].dtype) {
    case DType::f32:
      return run<float>(c, largest);
    case DType::f64:
      return run<double>(c, largest);
    case DType::i32:
      return run<std::int32_t>(c, largest);
    case DType::i64:
      return run<std::int64_t>(c, largest);
    default:
      return run<std::uint8_t>(c, largest);
  }
}

void route_cumulative_extreme(RuleContext& c) {
  const Shape shape = c.input_shape(0);
  const int axis = positive_axis(c.attrs<ScanAttrs>().dim, shape.rank());
  c.set(0, gather_backward(c.grad(0), c.output(1).detach(), axis, shape[axis]));
}

void sample_cumulative_extreme(SampleSink& s) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  s.add({s.values({3, 4})}, ScanAttrs{0});
  s.add({s.values({3, 4})}, ScanAttrs{-1});
  s.add({s.values({2, 5, 2})}, ScanAttrs{1});
  s.add({s.values({4, 19})}, ScanAttrs{0}, {.note = "a block of lanes and a rest"});
  s.add({s.values({1})}, ScanAttrs{0}, {.note = "size 1"});
  s.add({s.values({0, 3})}, ScanAttrs{0}, {.note = "empty"});
  s.add({SampleSink::f64({2, 5}, {1, 3, 3, 0, 3, -1, -1, -2, -2, -1})}, ScanAttrs{1},
        {.gradcheck = false, .note = "the last of several"});
  s.add({SampleSink::f64({2, 5}, {1, kNaN, 3, kNaN, 4, kInf, -kInf, kInf, 0, kNaN})}, ScanAttrs{1},
        {.gradcheck = false, .note = "NaN from the first one on"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 5})}, ScanAttrs{1});
  s.add({SampleSink::boolean({3}, {0, 1, 0})}, ScanAttrs{0}, {.note = "bool"});
}

}  // namespace gradus
