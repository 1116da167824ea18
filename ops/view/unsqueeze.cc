// unsqueeze: a new axis of size 1.
// Derivative: the cotangent without that axis.
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const std::int64_t dim = c.attrs<UnsqueezeAttrs>().dim;
  const int rank = c.rank(0) + 1;
  if (dim < -rank || dim >= rank) {
    c.shape_error(fmt::format("axis {} is out of range: {} has room for a new axis at {}..{}", dim,
                              c.describe(0), -rank, rank - 1));
  }
  if (rank > kMaxRank)
    c.shape_error(fmt::format("{} has {} axes already, which is the most", c.describe(0), kMaxRank));
  const auto at = static_cast<int>(dim < 0 ? dim + rank : dim);
  std::int64_t strides[kMaxRank];
  strides_of(c.impl(0), strides);
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(rank);
  o.has_strides = true;
  for (int i = 0; i < rank; ++i) {
    const int from = i < at ? i : i - 1;
    o.dims[i] = i == at ? 1 : c.dim(0, from);
    o.strides[i] = i == at ? 1 : strides[from];
  }
}

void rule(RuleContext& c) { c.set(0, squeeze(c.grad(), c.attrs<UnsqueezeAttrs>().dim)); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, UnsqueezeAttrs{0});
  s.add({s.values({3, 4})}, UnsqueezeAttrs{-1});
  s.add({s.values({})}, UnsqueezeAttrs{0}, {.note = "scalar"});
  s.add({s.values({0, 2})}, UnsqueezeAttrs{1}, {.note = "empty"});
  s.add_error({s.values({2, 3})}, UnsqueezeAttrs{3},
              "unsqueeze: axis 3 is out of range: x [2, 3] f64 has room for a new axis at -3..2");
  s.add_error({s.values({1, 1, 1, 1, 1, 1, 1, 1})}, UnsqueezeAttrs{0},
              "unsqueeze: x [1, 1, 1, 1, 1, 1, 1, 1] f64 has 8 axes already, which is the most");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(UnsqueezeAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_unsqueeze = {
    .name = "unsqueeze",
    .doc = "a new axis of size 1",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .onnx = "Unsqueeze",
};

Tensor unsqueeze(Operand x, std::int64_t dim) { return apply(op_unsqueeze, {x}, UnsqueezeAttrs{dim}); }

}  // namespace gradus
