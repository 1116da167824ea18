// unfold: the windows of some size along an axis, as a view: their number in the axis's place, their elements
// as a new last axis. Windows may overlap or leave gaps.
// Derivative: the cotangents of an element's windows added up (unfold_backward).
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& attrs = c.attrs<UnfoldAttrs>();
  const int axis = c.axis(0, attrs.dim);
  const int rank = c.rank(0);
  if (attrs.size < 1 || attrs.step < 1) {
    c.value_error(fmt::format("size {} and step {}: both must be at least 1 ({})", attrs.size, attrs.step,
                              c.describe(0)));
  }
  const std::int64_t length = c.dim(0, axis);
  if (attrs.size > length) {
    c.shape_error(fmt::format("a window of {} is longer than axis {} of {}, which has {}", attrs.size,
                              attrs.dim, c.describe(0), length));
  }
  if (rank == kMaxRank) {
    c.shape_error(fmt::format("{} has {} axes already, which is the most", c.describe(0), kMaxRank));
  }
  c.set_out_like(0, 0);
  OutputMeta& o = c.out(0);
  strides_of(c.impl(0), o.strides);
  o.has_strides = true;
  o.rank = static_cast<std::uint8_t>(rank + 1);
  o.dims[rank] = attrs.size;
  o.strides[rank] = o.strides[axis];
  o.dims[axis] = (length - attrs.size) / attrs.step + 1;
  // A step beyond the end makes one window, whose stride nobody uses.
  if (o.dims[axis] > 1) o.strides[axis] *= attrs.step;
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<UnfoldAttrs>();
  const Shape shape = c.input_shape(0);
  const std::int64_t dim = attrs.dim < 0 ? attrs.dim + shape.rank() : attrs.dim;
  c.set(0, unfold_backward(c.grad(), {dim, attrs.size, attrs.step, shape[static_cast<int>(dim)]}));
}

void samples(SampleSink& s) {
  s.add({s.values({7})}, UnfoldAttrs{0, 3, 2}, {.note = "windows overlap"});
  s.add({s.values({2, 7, 2})}, UnfoldAttrs{-2, 2, 3}, {.note = "gaps between windows"});
  s.add({s.values({6, 2})}, UnfoldAttrs{0, 3, 3}, {.note = "side by side"});
  s.add({s.values({4})}, UnfoldAttrs{0, 4, 1}, {.note = "one window"});
  s.add({s.values({5})}, UnfoldAttrs{0, 2, kEnd}, {.note = "a step beyond the end"});
  s.add({s.values({1})}, UnfoldAttrs{0, 1, 1}, {.note = "size 1"});
  s.add({s.values({0, 3})}, UnfoldAttrs{1, 2, 1}, {.note = "empty"});
  s.add_error({s.values({3})}, UnfoldAttrs{0, 4, 1},
              "unfold: a window of 4 is longer than axis 0 of x [3] f64, which has 3");
  s.add_error({s.values({3})}, UnfoldAttrs{0, 2, 0},
              "unfold: size 2 and step 0: both must be at least 1 (x [3] f64)");
  s.add_error({s.values({3})}, UnfoldAttrs{1, 2, 1},
              "unfold: axis 1 is out of range: x [3] f64 has the axes -1..0");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(UnfoldAttrs, dim, nullptr), GRADUS_ATTR(UnfoldAttrs, size, nullptr),
                              GRADUS_ATTR(UnfoldAttrs, step, nullptr)};

}  // namespace

extern constinit const OpDef op_unfold = {
    .name = "unfold",
    .doc = "the windows of some size along an axis, their elements as a new last axis",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .formula = "y[w, k] = x[w step + k]",
};

Tensor unfold(Operand x, std::int64_t dim, std::int64_t size, std::int64_t step) {
  return apply(op_unfold, {x}, UnfoldAttrs{dim, size, step});
}

}  // namespace gradus
