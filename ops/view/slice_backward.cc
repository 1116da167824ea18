// slice_backward: zeros of `size` along an axis, with g at start, start + step, ...: the gradient of slice.
// Derivative: linear, so the slice of the cotangent.
#include <fmt/format.h>

#include <cstring>

#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& attrs = c.attrs<SliceBackwardAttrs>();
  const int axis = c.axis(0, attrs.dim);
  const std::int64_t n = c.dim(0, axis);
  if (attrs.start < 0 || attrs.step < 1 || attrs.size < 0 || (n > 0 && attrs.start >= attrs.size) ||
      (n > 1 && (attrs.size - 1 - attrs.start) / attrs.step < n - 1)) {
    c.shape_error(fmt::format("{} elements from {} in steps of {} do not lie in an axis of size {}: {}", n,
                              attrs.start, attrs.step, attrs.size, c.describe(0)));
  }
  c.set_out_like(0, 0);
  c.out(0).dims[axis] = attrs.size;
}

void kernel(KernelContext& c) {
  const auto& attrs = c.attrs<SliceBackwardAttrs>();
  const View& g = c.in[0];
  const View& out = c.out[0];
  const int axis = static_cast<int>(attrs.dim < 0 ? attrs.dim + g.rank : attrs.dim);
  if (g.numel != out.numel)
    std::memset(out.data, 0, static_cast<std::size_t>(out.numel) * size_of(out.dtype));
  if (g.numel == 0) return;
  std::int64_t strides[kMaxRank];
  std::int64_t step = 1;
  for (int i = out.rank - 1; i >= 0; --i) {
    strides[i] = step;
    step *= out.dims[i];
  }
  void* first = static_cast<std::byte*>(out.data) +
                attrs.start * strides[axis] * static_cast<std::int64_t>(size_of(out.dtype));
  if (g.dims[axis] > 1) strides[axis] *= attrs.step;
  kernels::copy(g, View{first, g.dims, strides, g.numel, g.rank, g.dtype});
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<SliceBackwardAttrs>();
  const Shape shape = c.input_shape(0);
  const std::int64_t dim = attrs.dim < 0 ? attrs.dim + shape.rank() : attrs.dim;
  const std::int64_t n = shape[static_cast<int>(dim)];
  const std::int64_t end = n == 0 ? attrs.start : attrs.start + (n - 1) * attrs.step + 1;
  c.set(0, slice(c.grad(), dim, attrs.start, end, attrs.step));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 2})}, SliceBackwardAttrs{0, 1, 1, 5});
  s.add({s.values({2, 3})}, SliceBackwardAttrs{-1, 1, 2, 7});
  s.add({s.values({4})}, SliceBackwardAttrs{0, 0, 1, 4}, {.note = "the whole axis"});
  s.add({s.values({0, 2})}, SliceBackwardAttrs{0, 3, 1, 4}, {.note = "empty"});
  s.add_error({s.values({3})}, SliceBackwardAttrs{0, 1, 2, 5},
              "slice_backward: 3 elements from 1 in steps of 2 do not lie in an axis of size 5: g [3] f64");
}

constexpr const char* kInputs[] = {"g"};
constexpr AttrDef kAttrs[] = {
    GRADUS_ATTR(SliceBackwardAttrs, dim, nullptr), GRADUS_ATTR(SliceBackwardAttrs, start, nullptr),
    GRADUS_ATTR(SliceBackwardAttrs, step, nullptr), GRADUS_ATTR(SliceBackwardAttrs, size, nullptr)};

}  // namespace

extern constinit const OpDef op_slice_backward = {
    .name = "slice_backward",
    .doc = "the gradient of slice: g in zeros",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

Tensor slice_backward(const Tensor& g, const SliceBackwardAttrs& attrs) {
  return apply(op_slice_backward, {g}, attrs);
}

}  // namespace gradus
