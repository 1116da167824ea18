// flip: the elements in reverse order along some axes. A copy: the strides of tensors are not negative.
// Derivative: the cotangent flipped along the same axes.
#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const Dims& dims = c.attrs<FlipAttrs>().dims;
  unsigned seen = 0;
  for (std::int64_t dim : dims) {
    const unsigned bit = 1U << c.axis(0, dim);
    if ((seen & bit) != 0) {
      c.shape_error(fmt::format("{} names an axis twice: {}",
                                format_shape({dims.data(), static_cast<std::size_t>(dims.size())}),
                                c.describe(0)));
    }
    seen |= bit;
  }
  c.set_out_like(0, 0);
}

void kernel(KernelContext& c) {
  View from = c.in[0];
  if (from.numel == 0) return;
  std::int64_t strides[kMaxRank];
  strides_of(from, strides);
  from.strides = strides;
  std::int64_t first = 0;
  for (std::int64_t dim : c.attrs<FlipAttrs>().dims) {
    const auto axis = static_cast<int>(dim < 0 ? dim + from.rank : dim);
    first += (from.dims[axis] - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  from.data = static_cast<std::byte*>(from.data) + first * static_cast<std::int64_t>(size_of(from.dtype));
  kernels::copy(from, c.out[0]);
}

void rule(RuleContext& c) { c.set(0, flip(c.grad(), c.attrs<FlipAttrs>().dims)); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, FlipAttrs{{0}});
  s.add({s.values({2, 3, 4})}, FlipAttrs{{-1, 0}});
  s.add({s.values({2, 3})}, FlipAttrs{{0, 1}}, {.note = "all axes"});
  s.add({s.values({2, 3})}, FlipAttrs{{}}, {.note = "no axis"});
  s.add({s.values({})}, FlipAttrs{{}}, {.note = "scalar"});
  s.add({s.values({1, 3})}, FlipAttrs{{0}}, {.note = "size 1"});
  s.add({s.values({0, 3})}, FlipAttrs{{0, 1}}, {.note = "empty"});
  s.add({SampleSink::i64({3}, {1, 2, 3})}, FlipAttrs{{0}}, {.note = "integers"});
  s.add({SampleSink::boolean({3}, {1, 0, 0})}, FlipAttrs{{0}}, {.note = "bool"});
  s.add_error({s.values({2, 3})}, FlipAttrs{{0, -2}}, "flip: [0, -2] names an axis twice: x [2, 3] f64");
  s.add_error({s.values({2, 3})}, FlipAttrs{{2}},
              "flip: axis 2 is out of range: x [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(FlipAttrs, dims, nullptr)};

}  // namespace

extern constinit const OpDef op_flip = {
    .name = "flip",
    .doc = "the elements in reverse order along some axes",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[i] = x[n - 1 - i]",
};

Tensor flip(Operand x, const Dims& dims) { return apply(op_flip, {x}, FlipAttrs{dims}); }

}  // namespace gradus
