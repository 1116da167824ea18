// cumprod: y[k] = product of x[i], i <= k, along one axis.
// Derivative: dx[j] = (product of x[i], i < j) R[j] with R[j] = g[j] + x[j+1] R[j+1]. Not the usual
// cumsum(g y) / x, which fails beside a zero and where y over- or underflowed: the recurrence (linear_scan)
// is as quick, right at zeros, and differentiable again.
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/lanes.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/scan/scan.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.axis(0, c.attrs<ScanAttrs>().dim);
  c.set_out_like(0, 0, is_floating(c.dtype(0)) ? c.dtype(0) : DType::i64);
}

// Product is unsigned for integers, which wrap around.
template <class In, class Out, class Product>
void run(const KernelContext& c) {
  const In* x = c.in[0].as<const In>();
  Out* y = c.out[0].as<Out>();
  kernels::for_lane_blocks({&c.in[0], &c.out[0]}, positive_axis(c.attrs<ScanAttrs>().dim, c.in[0].rank),
                           [&](const kernels::LaneBlock<2>& block) {
                             Product p[kernels::kLaneWidth];
                             for (Product& one : p) one = 1;
                             const auto step = [&](int w, std::int64_t, In v, Out& to) {
                               p[w] *= static_cast<Product>(v);
                               to = static_cast<Out>(p[w]);
                             };
                             block.walk(false, step, x, y);
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
  const Tensor x = c.input(0);
  const int axis = positive_axis(c.attrs<ScanAttrs>().dim, x.rank());
  const Tensor behind = linear_scan(x, c.grad(), axis, true);
  c.set(0, mul(behind, shift_right(c.output(), axis, 1)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, ScanAttrs{0});
  s.add({s.values({3, 4})}, ScanAttrs{-1});
  s.add({s.values({2, 3, 2})}, ScanAttrs{1});
  s.add({s.values({3, 19})}, ScanAttrs{0}, {.note = "a block of lanes and a rest"});
  s.add({s.values({1})}, ScanAttrs{0}, {.note = "size 1"});
  s.add({s.values({0, 3})}, ScanAttrs{0}, {.note = "empty"});
  s.add({SampleSink::f64({4, 4}, {1, 0, 3, 4, 0, 5, 0, 2, 0, 0, 0, 0, 2, 3, 4, 0})}, ScanAttrs{1},
        {.note = "one, two and four zeros"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, ScanAttrs{1});
  s.add({SampleSink::boolean({3}, {1, 0, 1})}, ScanAttrs{0}, {.note = "bool"});
  s.add_error({s.values({2, 3})}, ScanAttrs{-3},
              "cumprod: axis -3 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ScanAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_cumprod = {
    .name = "cumprod",
    .doc = "the product of the elements up to each place along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[k] = prod_{i <= k} x[i]",
};

Tensor cumprod(Operand input, std::int64_t dim) { return apply(op_cumprod, {input}, ScanAttrs{dim}); }

}  // namespace gradus
