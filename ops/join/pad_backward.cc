// pad_backward: each element of g added at the place that padding read it from: the gradient of pad in the
// modes reflect, replicate and circular.
// Derivative: linear, so the padded cotangent.
#include <algorithm>
#include <cstring>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/creation/values.h"
#include "gradus/ops/join/pad.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {

extern const OpDef op_pad;

namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<PadBackwardAttrs>();
  const int rank = c.rank(0);
  bool fits = a.shape.rank() == rank && a.before.size() == rank && a.after.size() == rank;
  std::int64_t scratch = 0;
  for (int i = 0; fits && i < rank; ++i) {
    fits = a.shape[i] >= 0 && c.dim(0, i) == a.shape[i] + a.before[i] + a.after[i];
    scratch += c.dim(0, i);
  }
  if (!fits) {
    const auto text = [](const SmallList& v) {
      return format_shape({v.data(), static_cast<std::size_t>(v.size())});
    };
    c.shape_error(fmt::format("{} is not {} padded by {} and {}", c.describe(0), text(a.shape),
                              text(a.before), text(a.after)));
  }
  c.set_out(0, c.dtype(0), a.shape);
  c.set_scratch(static_cast<std::size_t>(scratch) * sizeof(std::int64_t));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<PadBackwardAttrs>();
  const View& g = c.in[0];
  const View& out = c.out[0];
  std::memset(out.data, 0, static_cast<std::size_t>(out.numel) * size_of(out.dtype));
  if (g.numel == 0) return;
  const std::int64_t* maps[kMaxRank];
  fill_pad_maps(a.mode, a.before, out, g, static_cast<std::int64_t*>(c.scratch), maps);
  std::int64_t from_strides[kMaxRank], to_strides[kMaxRank];
  strides_of(g, from_strides);
  strides_of(out, to_strides);
  // Axes in front that are not padded are shared out: different places of them write different elements.
  std::int64_t parts = 1;
  for (int i = 0; i < g.rank && a.before[i] == 0 && a.after[i] == 0; ++i) parts *= g.dims[i];
  const int last = g.rank - 1;
  const std::int64_t n = last < 0 ? 1 : g.dims[last];
  // Whole rows: where every axis is unpadded, a part is one element, and rows are the parts.
  const std::int64_t rows = g.numel / n;
  parts = std::min(parts, rows);
  const std::int64_t rows_a_part = rows / parts;
  with_type(g.dtype, [&]<class T>(T) {
    parallel_for(parts, std::max<std::int64_t>(1, 32 * 1024 / (n * rows_a_part)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin * rows_a_part; r < end * rows_a_part; ++r) {
                     const T* from = g.as<const T>();
                     T* to = out.as<T>();
                     std::int64_t rest = r;
                     for (int i = last - 1; i >= 0; --i) {
                       const std::int64_t at = rest % g.dims[i];
                       rest /= g.dims[i];
                       from += at * from_strides[i];
                       to += maps[i][at] * to_strides[i];
                     }
                     if (last < 0) {
                       *to = static_cast<T>(*to + *from);
                       continue;
                     }
                     for (std::int64_t j = 0; j < n; ++j) {
                       T& sum = to[maps[last][j]];
                       sum = static_cast<T>(sum + from[j * from_strides[last]]);
                     }
                   }
                 });
  });
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<PadBackwardAttrs>();
  c.set(0, apply(op_pad, {c.grad()}, PadAttrs{a.before, a.after, a.mode, 0}));
}

void samples(SampleSink& s) {
  s.add({s.values({2, 6, 7})}, PadBackwardAttrs{{0, 2, 1}, {0, 1, 2}, "reflect", {2, 3, 4}});
  s.add({s.values({5, 4})}, PadBackwardAttrs{{-1, 1}, {2, 0}, "reflect", {4, 3}});
  s.add({s.values({6, 9})}, PadBackwardAttrs{{3, 1}, {1, 5}, "replicate", {2, 3}});
  s.add({s.values({5})}, PadBackwardAttrs{{2}, {2}, "replicate", {1}}, {.note = "size 1"});
  s.add({s.values({5, 7})}, PadBackwardAttrs{{2, 1}, {1, 3}, "circular", {2, 3}});
  s.add({s.values({2, 3})}, PadBackwardAttrs{{0, 0}, {0, 0}, "circular", {2, 3}}, {.note = "not padded"});
  s.add({s.values({})}, PadBackwardAttrs{{}, {}, "reflect", {}}, {.note = "scalar"});
  s.add({s.values({0, 4})}, PadBackwardAttrs{{0, 1}, {0, 1}, "reflect", {0, 2}}, {.note = "empty"});
  s.add_error({s.values({5})}, PadBackwardAttrs{{1}, {1}, "reflect", {4}},
              "pad_backward: g [5] f64 is not [4] padded by [1] and [1]");
}

constexpr const char* kInputs[] = {"g"};
constexpr AttrDef kAttrs[] = {
    GRADUS_ATTR(PadBackwardAttrs, before, nullptr), GRADUS_ATTR(PadBackwardAttrs, after, nullptr),
    GRADUS_ATTR(PadBackwardAttrs, mode, nullptr), GRADUS_ATTR(PadBackwardAttrs, shape, nullptr)};

}  // namespace

extern constinit const OpDef op_pad_backward = {
    .name = "pad_backward",
    .doc = "the gradient of pad where it repeats elements: g added where it was read",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

Tensor pad_backward(const Tensor& g, const PadBackwardAttrs& attrs) {
  return apply(op_pad_backward, {g}, attrs);
}

}  // namespace gradus
