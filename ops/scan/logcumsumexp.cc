// logcumsumexp: y[k] = log of the sum of exp(x[i]), i <= k, along one axis, without overflow: the largest
// element so far and the sum relative to it are carried along, in f64.
// Derivative: dx[j] = sum of g[k] exp(x[j] - y[k]), k >= j, = exp(x[j] - y[j]) R[j] with the recurrence
// R[j] = g[j] + exp(y[j] - y[j+1]) R[j+1]: no exponent is above 0. Where y is -inf so far the gradient is 0;
// at an element that is +inf it is NaN, as in PyTorch.
#include <cmath>
#include <limits>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/lanes.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/scan/scan.h"

namespace gradus {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

void infer(InferContext& c) {
  c.require_floating(0);
  c.axis(0, c.attrs<ScanAttrs>().dim);
  c.set_out_like(0, 0);
}

struct RunningSum {
  double most = -kInf, sum = 0;  // of exp(x - most)

  double add(double x) {
    if (std::isnan(most)) return most;
    if (!(x <= most)) {  // larger or NaN
      sum = most == -kInf || std::isinf(x) ? 1 : sum * std::exp(most - x) + 1;
      most = x;
    } else if (!std::isinf(most)) {
      sum += std::exp(x - most);
    }
    return std::isinf(most) ? most : most + std::log(sum);
  }
};

template <class T>
void run(const KernelContext& c) {
  const T* x = c.in[0].as<const T>();
  T* y = c.out[0].as<T>();
  kernels::for_lane_blocks({&c.in[0], &c.out[0]}, positive_axis(c.attrs<ScanAttrs>().dim, c.in[0].rank),
                           [&](const kernels::LaneBlock<2>& block) {
                             RunningSum sum[kernels::kLaneWidth];
                             const auto step = [&](int w, std::int64_t, T v, T& to) {
                               to = static_cast<T>(sum[w].add(v));
                             };
                             block.walk(false, step, x, y);
                           });
}

void kernel(KernelContext& c) {
  if (c.out[0].dtype == DType::f32)
    run<float>(c);
  else
    run<double>(c);
}

void rule(RuleContext& c) {
  const Tensor x = c.input(0), y = c.output();
  const int axis = positive_axis(c.attrs<ScanAttrs>().dim, x.rank());
  const Tensor before = shift_right(y, axis, 0);
  // exp(before - y), where the difference of two infinities is NaN: 0 behind -inf, 1 behind +inf.
  const Tensor known = before.detach();
  const Tensor decay = where(eq(known, -kInf), 0.0, where(eq(known, kInf), 1.0, exp(sub(before, y))));
  const Tensor behind = linear_scan(decay, c.grad(), axis, true);
  const Tensor share = where(eq(y.detach(), -kInf), 0.0, exp(sub(x, y)));
  c.set(0, mul(behind, share));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, ScanAttrs{0});
  s.add({s.values({2, 5})}, ScanAttrs{-1});
  s.add({s.values({2, 3, 2})}, ScanAttrs{1});
  s.add({s.values({3, 19})}, ScanAttrs{0}, {.note = "a block of lanes and a rest"});
  s.add({s.values({2, 4}, 900, 1000)}, ScanAttrs{1}, {.gradcheck = false, .note = "exp would overflow"});
  s.add({s.values({1})}, ScanAttrs{0}, {.note = "size 1"});
  s.add({s.values({0, 3})}, ScanAttrs{0}, {.note = "empty"});
  s.add({SampleSink::f64({3, 4}, {-kInf, -kInf, 1, 2, 0, kInf, 1, kInf, 1, NAN, 2, kInf})}, ScanAttrs{1},
        {.gradcheck = false, .note = "infinities, NaN"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})}, ScanAttrs{0},
      "logcumsumexp: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ScanAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_logcumsumexp = {
    .name = "logcumsumexp",
    .doc = "log(cumsum(exp(x))) along dim, without overflow",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[k] = log sum_{i <= k} exp(x[i])",
};

Tensor logcumsumexp(Operand input, std::int64_t dim) {
  return apply(op_logcumsumexp, {input}, ScanAttrs{dim});
}

}  // namespace gradus
