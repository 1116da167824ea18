// unfold_backward: zeros with the windows in g added at their places: the gradient of unfold.
// Derivative: linear, so the windows of the cotangent.
#include <fmt/format.h>

#include <cstring>

#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/index.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<UnfoldBackwardAttrs>();
  const int rank = c.rank(0) - 1;
  const bool fits = rank >= 1 && a.dim >= 0 && a.dim < rank && a.size >= 1 && a.step >= 1 &&
                    a.size <= a.length && c.dim(0, rank) == a.size &&
                    c.dim(0, static_cast<int>(a.dim)) == (a.length - a.size) / a.step + 1;
  if (!fits) {
    c.shape_error(fmt::format("{} is not the windows of {} in steps of {} of an axis {} of size {}",
                              c.describe(0), a.size, a.step, a.dim, a.length));
  }
  c.set_out(0, c.dtype(0), c.dims(0), rank);
  c.out(0).dims[a.dim] = a.length;
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<UnfoldBackwardAttrs>();
  const View& g = c.in[0];
  const View& out = c.out[0];
  std::memset(out.data, 0, static_cast<std::size_t>(out.numel) * size_of(out.dtype));
  std::int64_t strides[kMaxRank];
  strides_of(out, strides);
  strides[out.rank] = strides[a.dim];
  if (g.dims[a.dim] > 1) strides[a.dim] *= a.step;
  kernels::accumulate(View{out.data, g.dims, strides, g.numel, g.rank, g.dtype}, g);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<UnfoldBackwardAttrs>();
  c.set(0, unfold(c.grad(), a.dim, a.size, a.step));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 3})}, UnfoldBackwardAttrs{0, 3, 2, 7}, {.note = "windows overlap"});
  s.add({s.values({2, 2, 2, 2})}, UnfoldBackwardAttrs{1, 2, 3, 6}, {.note = "gaps between windows"});
  s.add({s.values({1, 2})}, UnfoldBackwardAttrs{0, 2, kEnd, 5}, {.note = "a step beyond the end"});
  s.add({s.values({1, 1})}, UnfoldBackwardAttrs{0, 1, 1, 1}, {.note = "size 1"});
  s.add({s.values({0, 2, 2})}, UnfoldBackwardAttrs{1, 2, 1, 3}, {.note = "empty"});
  s.add_error({s.values({2, 3})}, UnfoldBackwardAttrs{0, 3, 2, 7},
              "unfold_backward: g [2, 3] f64 is not the windows of 3 in steps of 2 of an axis 0 of size 7");
}

constexpr const char* kInputs[] = {"g"};
constexpr AttrDef kAttrs[] = {
    GRADUS_ATTR(UnfoldBackwardAttrs, dim, nullptr), GRADUS_ATTR(UnfoldBackwardAttrs, size, nullptr),
    GRADUS_ATTR(UnfoldBackwardAttrs, step, nullptr), GRADUS_ATTR(UnfoldBackwardAttrs, length, nullptr)};

}  // namespace

extern constinit const OpDef op_unfold_backward = {
    .name = "unfold_backward",
    .doc = "the gradient of unfold: the windows in g added at their places",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

Tensor unfold_backward(const Tensor& g, const UnfoldBackwardAttrs& attrs) {
  return apply(op_unfold_backward, {g}, attrs);
}

}  // namespace gradus
