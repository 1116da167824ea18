// select_backward: zeros with a new axis of `size`, and g at one index of it: the gradient of select.
// Derivative: linear, so the selection of the cotangent.
#include <fmt/format.h>

#include <cstring>

#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& attrs = c.attrs<SelectBackwardAttrs>();
  const int rank = c.rank(0) + 1;
  if (attrs.dim < 0 || attrs.dim >= rank || attrs.index < 0 || attrs.index >= attrs.size || rank > kMaxRank) {
    c.shape_error(fmt::format("{} has no place at index {} of an axis {} of size {}", c.describe(0),
                              attrs.index, attrs.dim, attrs.size));
  }
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(rank);
  for (int i = 0; i < rank; ++i)
    o.dims[i] = i == attrs.dim ? attrs.size : c.dim(0, i < attrs.dim ? i : i - 1);
}

void kernel(KernelContext& c) {
  const auto& attrs = c.attrs<SelectBackwardAttrs>();
  const View& g = c.in[0];
  const View& out = c.out[0];
  if (g.numel != out.numel)
    std::memset(out.data, 0, static_cast<std::size_t>(out.numel) * size_of(out.dtype));
  if (g.numel == 0) return;
  std::int64_t strides[kMaxRank];
  std::int64_t offset = 0;
  std::int64_t step = 1;
  for (int i = out.rank - 1, k = g.rank - 1; i >= 0; --i) {
    if (i == attrs.dim) {
      offset = attrs.index * step;
    } else {
      strides[k--] = step;
    }
    step *= out.dims[i];
  }
  void* first = static_cast<std::byte*>(out.data) + offset * static_cast<std::int64_t>(size_of(out.dtype));
  kernels::copy(g, View{first, g.dims, strides, g.numel, g.rank, g.dtype});
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<SelectBackwardAttrs>();
  c.set(0, select(c.grad(), attrs.dim, attrs.index));
}

void samples(SampleSink& s) {
  s.add({s.values({4})}, SelectBackwardAttrs{0, 1, 3});
  s.add({s.values({2, 4})}, SelectBackwardAttrs{1, 2, 3});
  s.add({s.values({})}, SelectBackwardAttrs{0, 4, 5}, {.note = "scalar"});
  s.add({s.values({0})}, SelectBackwardAttrs{0, 1, 2}, {.note = "empty"});
  s.add_error({s.values({4})}, SelectBackwardAttrs{0, 3, 3},
              "select_backward: g [4] f64 has no place at index 3 of an axis 0 of size 3");
}

constexpr const char* kInputs[] = {"g"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SelectBackwardAttrs, dim, nullptr),
                              GRADUS_ATTR(SelectBackwardAttrs, index, nullptr),
                              GRADUS_ATTR(SelectBackwardAttrs, size, nullptr)};

}  // namespace

extern constinit const OpDef op_select_backward = {
    .name = "select_backward",
    .doc = "the gradient of select: g in zeros",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

Tensor select_backward(const Tensor& g, const SelectBackwardAttrs& attrs) {
  return apply(op_select_backward, {g}, attrs);
}

}  // namespace gradus
