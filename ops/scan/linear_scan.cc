// linear_scan: the recurrence s[k] = b[k] + a[k] s[k-1], s[-1] = 0, along one axis; reverse is its transposed
// map s[k] = b[k] + a[k+1] s[k+1]. What the derivatives of cumprod and logcumsumexp are made of.
// Derivative: with cotangent G, db = T, the transposed scan of G; da[k] = T[k] s[k-1] and, reverse,
// da[k] = T[k-1] s[k]; da[0] = 0. f32 runs in f64.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/lanes.h"
#include "gradus/ops/scan/scan.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.require_same_dtype();
  c.require_floating(0);
  c.axis(0, c.attrs<LinearScanAttrs>().dim);
  if (!(c.shape(0) == c.shape(1))) {
    c.shape_error(
        fmt::format("shapes differ: {}, {}; there is one factor an element", c.describe(0), c.describe(1)));
  }
  c.set_out_like(0, 1);
}

template <class T>
void run(const KernelContext& c) {
  const auto& attrs = c.attrs<LinearScanAttrs>();
  const T *a = c.in[0].as<const T>(), *b = c.in[1].as<const T>();
  T* s = c.out[0].as<T>();
  kernels::for_lane_blocks({&c.in[0], &c.in[1], &c.out[0]}, positive_axis(attrs.dim, c.in[0].rank),
                           [&](const kernels::LaneBlock<3>& block) {
                             double last[kernels::kLaneWidth] = {};
                             if (!attrs.reverse) {
                               const auto step = [&](int w, std::int64_t k, T factor, T term, T& to) {
                                 last[w] = k == 0 ? static_cast<double>(term)
                                                  : term + static_cast<double>(factor) * last[w];
                                 to = static_cast<T>(last[w]);
                               };
                               return block.walk(false, step, a, b, s);
                             }
                             // What a[k+1] s[k+1] was; the factor of an element is that of the one behind it.
                             double carried[kernels::kLaneWidth] = {};
                             const auto step = [&](int w, std::int64_t k, T factor, T term, T& to) {
                               last[w] = term + carried[w];
                               to = static_cast<T>(last[w]);
                               if (k != 0) carried[w] = static_cast<double>(factor) * last[w];
                             };
                             block.walk(true, step, a, b, s);
                           });
}

void kernel(KernelContext& c) {
  if (c.out[0].dtype == DType::f32)
    run<float>(c);
  else
    run<double>(c);
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<LinearScanAttrs>();
  const Tensor a = c.input(0);
  const int axis = positive_axis(attrs.dim, a.rank());
  const Tensor t = linear_scan(a, c.grad(), attrs.dim, !attrs.reverse);
  if (c.needs(1)) c.set(1, t);
  if (!c.needs(0)) return;
  const Tensor s = c.output();
  c.set(0, attrs.reverse ? mul(shift_right(t, axis, 0), s) : mul(t, shift_right(s, axis, 0)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})}, LinearScanAttrs{0});
  s.add({s.values({3, 4}), s.values({3, 4})}, LinearScanAttrs{-1, true});
  s.add({s.values({2, 3, 2}), s.values({2, 3, 2})}, LinearScanAttrs{1, true});
  s.add({s.values({4, 17}), s.values({4, 17})}, LinearScanAttrs{0}, {.note = "a block of lanes and a rest"});
  s.add({s.values({1}), s.values({1})}, LinearScanAttrs{0}, {.note = "size 1"});
  s.add({s.values({0, 2}), s.values({0, 2})}, LinearScanAttrs{0}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {1, 0, 3, 0}), SampleSink::f64({4}, {0, 2, 0, 5})}, LinearScanAttrs{0},
        {.note = "zeros"});
  s.add_error({s.values({2, 3}), s.values({3})}, LinearScanAttrs{0},
              "linear_scan: shapes differ: a [2, 3] f64, b [3] f64; there is one factor an element");
  s.add_error({s.values({2}), s.values({2})}, LinearScanAttrs{1},
              "linear_scan: axis 1 is out of range: a [2] f64 has the axes -1..0");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | out(0), in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LinearScanAttrs, dim, nullptr),
                              GRADUS_ATTR(LinearScanAttrs, reverse, "false")};

}  // namespace

extern constinit const OpDef op_linear_scan = {
    .name = "linear_scan",
    .doc = "a first-order recurrence along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "s[k] = b[k] + a[k] s[k-1]",
};

Tensor linear_scan(Operand a, Operand b, std::int64_t dim, bool reverse) {
  return apply(op_linear_scan, {a, b}, LinearScanAttrs{dim, reverse});
}

}  // namespace gradus
