// expand: axes of size 1 repeated, and new axes in front, by strides of 0.
// Derivative: the cotangent summed over the repeated axes; that is the engine's un-broadcasting.
#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const Shape& shape = c.attrs<ExpandAttrs>().shape;
  const int rank = shape.rank();
  const int added = rank - c.rank(0);
  const auto text = [&] { return format_shape({shape.data(), static_cast<std::size_t>(rank)}); };
  if (added < 0) c.shape_error(fmt::format("{} has more axes than {}", c.describe(0), text()));
  std::int64_t strides[kMaxRank];
  strides_of(c.impl(0), strides);
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(rank);
  o.has_strides = true;
  for (int i = 0; i < rank; ++i) {
    if (i < added) {
      if (shape[i] < 0)
        c.shape_error(
            fmt::format("axis {} of {} is new, so its size must be given: {}", i, text(), c.describe(0)));
      o.dims[i] = shape[i];
      o.strides[i] = 0;
      continue;
    }
    const std::int64_t had = c.dim(0, i - added);
    const std::int64_t want = shape[i] == -1 ? had : shape[i];
    if (want != had && (had != 1 || want < 0)) {
      c.shape_error(fmt::format("{} does not expand to {}: its axis {} has the size {}, not 1 or {}",
                                c.describe(0), text(), i - added, had, want));
    }
    o.dims[i] = want;
    o.strides[i] = want == had ? strides[i - added] : 0;
  }
}

void rule(RuleContext& c) { c.set(0, c.grad()); }

void samples(SampleSink& s) {
  s.add({s.values({3, 1})}, ExpandAttrs{{3, 4}});
  s.add({s.values({1, 3})}, ExpandAttrs{{2, 5, -1}});
  s.add({s.values({})}, ExpandAttrs{{2, 3}}, {.note = "scalar"});
  s.add({s.values({2, 3})}, ExpandAttrs{{2, 3}}, {.note = "nothing to repeat"});
  s.add({s.values({1, 3})}, ExpandAttrs{{0, 3}}, {.note = "to empty"});
  s.add_error({s.values({2, 3})}, ExpandAttrs{{4, 3}},
              "expand: x [2, 3] f64 does not expand to [4, 3]: its axis 0 has the size 2, not 1 or 4");
  s.add_error({s.values({2, 3})}, ExpandAttrs{{3}}, "expand: x [2, 3] f64 has more axes than [3]");
  s.add_error({s.values({3})}, ExpandAttrs{{-1, 3}},
              "expand: axis 0 of [-1, 3] is new, so its size must be given: x [3] f64");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ExpandAttrs, shape, nullptr)};

}  // namespace

extern constinit const OpDef op_expand = {
    .name = "expand",
    .doc = "axes of size 1 repeated and new axes in front, without a copy",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .onnx = "Expand",
};

Tensor expand(Operand x, const Shape& shape) { return apply(op_expand, {x}, ExpandAttrs{shape}); }

}  // namespace gradus
