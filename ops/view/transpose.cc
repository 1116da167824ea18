// transpose: two axes swapped.
// Derivative: the same swap of the cotangent.
#include <utility>

#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& attrs = c.attrs<TransposeAttrs>();
  const int i = c.axis(0, attrs.dim0);
  const int j = c.axis(0, attrs.dim1);
  OutputMeta& o = c.out(0);
  c.set_out_like(0, 0);
  strides_of(c.impl(0), o.strides);
  o.has_strides = true;
  std::swap(o.dims[i], o.dims[j]);
  std::swap(o.strides[i], o.strides[j]);
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<TransposeAttrs>();
  c.set(0, transpose(c.grad(), attrs.dim0, attrs.dim1));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, TransposeAttrs{0, 1});
  s.add({s.values({2, 3, 4})}, TransposeAttrs{-1, 0});
  s.add({s.values({2, 3})}, TransposeAttrs{1, 1}, {.note = "an axis with itself"});
  s.add({s.values({1, 5})}, TransposeAttrs{0, 1}, {.note = "size 1"});
  s.add({s.values({0, 3})}, TransposeAttrs{0, 1}, {.note = "empty"});
  s.add_error({s.values({2, 3})}, TransposeAttrs{0, 2},
              "transpose: axis 2 is out of range: x [2, 3] f64 has the axes -2..1");
  s.add_error({s.values({})}, TransposeAttrs{0, 1},
              "transpose: axis 0 is out of range: x [] f64 has no axes");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(TransposeAttrs, dim0, nullptr),
                              GRADUS_ATTR(TransposeAttrs, dim1, nullptr)};

}  // namespace

extern constinit const OpDef op_transpose = {
    .name = "transpose",
    .doc = "two axes swapped",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .onnx = "Transpose",
};

Tensor transpose(Operand x, std::int64_t dim0, std::int64_t dim1) {
  return apply(op_transpose, {x}, TransposeAttrs{dim0, dim1});
}

}  // namespace gradus
