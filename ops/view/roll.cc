// roll: the elements moved on along some axes; what leaves at the end comes in at the beginning.
// Derivative: the cotangent rolled back.
#include <fmt/format.h>

#include <utility>

#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {

extern const OpDef op_roll;

namespace {

// `shift` as 0 .. size-1.
std::int64_t forward_shift(std::int64_t shift, std::int64_t size) {
  if (size == 0) return 0;
  shift %= size;
  return shift < 0 ? shift + size : shift;
}

void infer(InferContext& c) {
  const auto& attrs = c.attrs<RollAttrs>();
  if (attrs.shifts.size() != attrs.dims.size()) {
    c.shape_error(fmt::format("{} shifts for {} axes; give each axis its own: {}", attrs.shifts.size(),
                              attrs.dims.size(), c.describe(0)));
  }
  for (std::int64_t dim : attrs.dims) c.axis(0, dim);
  c.set_out_like(0, 0);
}

void kernel(KernelContext& c) {
  const auto& attrs = c.attrs<RollAttrs>();
  const View& x = c.in[0];
  if (x.numel == 0) return;
  std::int64_t shifts[kMaxRank] = {};  // an axis that is named twice moves twice
  for (int i = 0; i < attrs.dims.size(); ++i) {
    const auto axis = static_cast<int>(attrs.dims[i] < 0 ? attrs.dims[i] + x.rank : attrs.dims[i]);
    const std::int64_t size = x.dims[axis];
    shifts[axis] = forward_shift(shifts[axis] + forward_shift(attrs.shifts[i], size), size);
  }
  std::int64_t from_strides[kMaxRank], to_strides[kMaxRank];
  strides_of(x, from_strides);
  strides_of(c.out[0], to_strides);
  int rolled[kMaxRank];
  int n = 0;
  for (int i = 0; i < x.rank; ++i) {
    if (shifts[i] != 0) rolled[n++] = i;
  }
  // Each rolled axis is two pieces: what moves on, and the end that comes in at the beginning.
  const auto bytes = static_cast<std::int64_t>(size_of(x.dtype));
  for (unsigned piece = 0; piece < 1U << n; ++piece) {
    std::int64_t dims[kMaxRank];
    std::int64_t numel = 1, from = 0, to = 0;
    for (int i = 0; i < x.rank; ++i) dims[i] = x.dims[i];
    for (int k = 0; k < n; ++k) {
      const int axis = rolled[k];
      const std::int64_t shift = shifts[axis], rest = x.dims[axis] - shift;
      const bool end = ((piece >> k) & 1U) != 0;
      dims[axis] = end ? shift : rest;
      (end ? from : to) += end ? rest * from_strides[axis] : shift * to_strides[axis];
    }
    for (int i = 0; i < x.rank; ++i) numel *= dims[i];
    kernels::copy(
        View{static_cast<std::byte*>(x.data) + from * bytes, dims, from_strides, numel, x.rank, x.dtype},
        View{static_cast<std::byte*>(c.out[0].data) + to * bytes, dims, to_strides, numel, x.rank, x.dtype});
  }
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<RollAttrs>();
  const Shape shape = c.input_shape(0);
  Dims back = attrs.shifts;
  for (int i = 0; i < back.size(); ++i) {
    const std::int64_t dim = attrs.dims[i];
    back[i] = -forward_shift(back[i], shape[static_cast<int>(dim < 0 ? dim + shape.rank() : dim)]);
  }
  c.set(0, apply(op_roll, {c.grad()}, RollAttrs{back, attrs.dims}));
}

void samples(SampleSink& s) {
  s.add({s.values({5})}, RollAttrs{{2}, {0}});
  s.add({s.values({3, 4})}, RollAttrs{{1, -1}, {0, 1}});
  s.add({s.values({2, 3, 4})}, RollAttrs{{-7}, {-1}}, {.note = "further than the axis"});
  s.add({s.values({3, 2})}, RollAttrs{{1, 1}, {0, 0}}, {.note = "an axis twice"});
  s.add({s.values({2, 3})}, RollAttrs{{0}, {1}}, {.note = "nowhere"});
  s.add({s.values({1})}, RollAttrs{{3}, {0}}, {.note = "size 1"});
  s.add({s.values({0, 3})}, RollAttrs{{1, 1}, {0, 1}}, {.note = "empty"});
  s.add({SampleSink::i64({3}, {1, 2, 3})}, RollAttrs{{1}, {0}}, {.note = "integers"});
  s.add_error({s.values({2, 3})}, RollAttrs{{1, 2}, {0}},
              "roll: 2 shifts for 1 axes; give each axis its own: x [2, 3] f64");
  s.add_error({s.values({2, 3})}, RollAttrs{{1}, {2}},
              "roll: axis 2 is out of range: x [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(RollAttrs, shifts, nullptr), GRADUS_ATTR(RollAttrs, dims, "{}")};

}  // namespace

extern constinit const OpDef op_roll = {
    .name = "roll",
    .doc = "the elements moved on along some axes, from the end to the beginning",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[(i + shift) mod n] = x[i]",
};

Tensor roll(Operand x, const Dims& shifts, const Dims& dims) {
  if (!dims.empty() || shifts.size() != 1 || x.impl == nullptr)
    return apply(op_roll, {x}, RollAttrs{shifts, dims});
  const Tensor list = flatten(x);
  const Tensor rolled = apply(op_roll, {Operand(list, x.where)}, RollAttrs{shifts, 0});
  return reshape({rolled, x.where}, Shape(std::span(std::as_const(*x.impl).dims(), x.impl->rank)));
}

}  // namespace gradus
