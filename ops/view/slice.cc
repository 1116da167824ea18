// slice: every step-th element of [start, end) along one axis, with Python's bounds.
// Derivative: the cotangent put into zeros (slice_backward).
#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

// Python's rule: negative counts from the end, what is outside is cut off.
std::int64_t bound(std::int64_t i, std::int64_t size) {
  return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size);
}

void infer(InferContext& c) {
  const auto& attrs = c.attrs<SliceAttrs>();
  const int axis = c.axis(0, attrs.dim);
  if (attrs.step < 1) {
    c.value_error(fmt::format("the step is {}; it must be at least 1 ({})", attrs.step, c.describe(0)));
  }
  const std::int64_t size = c.dim(0, axis);
  const std::int64_t start = bound(attrs.start, size);
  const std::int64_t end = std::max(start, bound(attrs.end, size));
  c.set_out_like(0, 0);
  OutputMeta& o = c.out(0);
  strides_of(c.impl(0), o.strides);
  o.has_strides = true;
  o.offset = start * o.strides[axis];
  o.dims[axis] = (end - start) / attrs.step + static_cast<std::int64_t>((end - start) % attrs.step != 0);
  // A step beyond the end takes one element, whose stride nobody uses.
  if (o.dims[axis] > 1) o.strides[axis] *= attrs.step;
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<SliceAttrs>();
  const Shape shape = c.input_shape(0);
  const std::int64_t dim = attrs.dim < 0 ? attrs.dim + shape.rank() : attrs.dim;
  const std::int64_t size = shape[static_cast<int>(dim)];
  c.set(0, slice_backward(c.grad(), {dim, bound(attrs.start, size), attrs.step, size}));
}

void samples(SampleSink& s) {
  s.add({s.values({5, 3})}, SliceAttrs{0, 1, 4, 1});
  s.add({s.values({3, 7})}, SliceAttrs{-1, 1, kEnd, 3});
  s.add({s.values({6})}, SliceAttrs{0, -4, -1, 2}, {.note = "bounds from the end"});
  s.add({s.values({4})}, SliceAttrs{0, -100, 100, 1}, {.note = "bounds cut off"});
  s.add({s.values({4, 2})}, SliceAttrs{0, 3, 1, 1}, {.note = "empty range"});
  s.add({s.values({0, 2})}, SliceAttrs{0, 0, kEnd, 1}, {.note = "empty"});
  s.add({s.values({5})}, SliceAttrs{0, 2, kEnd, kEnd}, {.note = "step beyond the end"});
  s.add_error({s.values({5, 3})}, SliceAttrs{2, 0, 1, 1},
              "slice: axis 2 is out of range: x [5, 3] f64 has the axes -2..1");
  s.add_error({s.values({5})}, SliceAttrs{0, 0, 5, 0},
              "slice: the step is 0; it must be at least 1 (x [5] f64)");
  s.add_error({s.values({5})}, SliceAttrs{0, 0, 5, -1},
              "slice: the step is -1; it must be at least 1 (x [5] f64)");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SliceAttrs, dim, nullptr), GRADUS_ATTR(SliceAttrs, start, nullptr),
                              GRADUS_ATTR(SliceAttrs, end, "kEnd"), GRADUS_ATTR(SliceAttrs, step, "1")};

}  // namespace

extern constinit const OpDef op_slice = {
    .name = "slice",
    .doc = "every step-th element of [start, end) along an axis, as x[start:end:step] in Python",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .onnx = "Slice",
};

Tensor slice(Operand x, std::int64_t dim, std::int64_t start, std::int64_t end, std::int64_t step) {
  return apply(op_slice, {x}, SliceAttrs{dim, start, end, step});
}

}  // namespace gradus
