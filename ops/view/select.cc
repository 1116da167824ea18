// select: the part of x at one index of an axis; the axis goes.
// Derivative: the cotangent put into zeros (select_backward).
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& attrs = c.attrs<SelectAttrs>();
  const int axis = c.axis(0, attrs.dim);
  const std::int64_t size = c.dim(0, axis);
  if (attrs.index < -size || attrs.index >= size) {
    c.value_error(fmt::format("index {} is out of range: {} has the size {} along axis {}", attrs.index,
                              c.describe(0), size, attrs.dim));
  }
  std::int64_t strides[kMaxRank] = {};
  strides_of(c.impl(0), strides);
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(c.rank(0) - 1);
  o.has_strides = true;
  o.offset = (attrs.index < 0 ? attrs.index + size : attrs.index) * strides[axis];
  for (int i = 0; i < o.rank; ++i) {
    const int from = i < axis ? i : i + 1;
    o.dims[i] = c.dim(0, from);
    o.strides[i] = strides[from];
  }
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<SelectAttrs>();
  const Shape shape = c.input_shape(0);
  const std::int64_t dim = attrs.dim < 0 ? attrs.dim + shape.rank() : attrs.dim;
  const std::int64_t size = shape[static_cast<int>(dim)];
  c.set(0, select_backward(c.grad(), {dim, attrs.index < 0 ? attrs.index + size : attrs.index, size}));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, SelectAttrs{0, 1});
  s.add({s.values({2, 3, 4})}, SelectAttrs{-2, -1});
  s.add({s.values({5})}, SelectAttrs{0, 4}, {.note = "to a scalar"});
  s.add({s.values({2, 0})}, SelectAttrs{0, 1}, {.note = "empty"});
  s.add_error({s.values({3, 4})}, SelectAttrs{0, 3},
              "select: index 3 is out of range: x [3, 4] f64 has the size 3 along axis 0");
  s.add_error({s.values({3, 4})}, SelectAttrs{1, -5},
              "select: index -5 is out of range: x [3, 4] f64 has the size 4 along axis 1");
  s.add_error({s.values({3, 4})}, SelectAttrs{2, 0},
              "select: axis 2 is out of range: x [3, 4] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SelectAttrs, dim, nullptr),
                              GRADUS_ATTR(SelectAttrs, index, nullptr)};

}  // namespace

extern constinit const OpDef op_select = {
    .name = "select",
    .doc = "the part of x at one index of an axis, without that axis",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .onnx = "Gather",
};

Tensor select(Operand x, std::int64_t dim, std::int64_t index) {
  return apply(op_select, {x}, SelectAttrs{dim, index});
}

}  // namespace gradus
