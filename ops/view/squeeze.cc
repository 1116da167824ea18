// squeeze: axes of size 1 dropped.
// Derivative: the cotangent in x's shape. An axis of another size is an error: PyTorch leaves it, and a
// program that meant to drop it goes on with a shape it does not expect.
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const Dims& dims = c.attrs<SqueezeAttrs>().dims;
  std::int64_t strides[kMaxRank];
  strides_of(c.impl(0), strides);
  unsigned drop = 0;
  for (std::int64_t dim : dims) {
    const int axis = c.axis(0, dim);
    if (c.dim(0, axis) != 1) {
      c.shape_error(fmt::format("axis {} of {} has the size {}; only axes of size 1 can be dropped", dim,
                                c.describe(0), c.dim(0, axis)));
    }
    drop |= 1U << axis;
  }
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.has_strides = true;
  o.rank = 0;
  for (int i = 0; i < c.rank(0); ++i) {
    if ((drop >> i & 1U) != 0) continue;
    o.dims[o.rank] = c.dim(0, i);
    o.strides[o.rank++] = strides[i];
  }
}

void rule(RuleContext& c) { c.set(0, reshape(c.grad(), c.input_shape(0))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 1, 4})}, SqueezeAttrs{{1}});
  s.add({s.values({1, 3, 1})}, SqueezeAttrs{{0, -1}});
  s.add({s.values({1})}, SqueezeAttrs{{0}}, {.note = "to a scalar"});
  s.add({s.values({0, 1})}, SqueezeAttrs{{1}}, {.note = "empty"});
  s.add_error({s.values({2, 1})}, SqueezeAttrs{{0}},
              "squeeze: axis 0 of x [2, 1] f64 has the size 2; only axes of size 1 can be dropped");
  s.add_error({s.values({2, 1})}, SqueezeAttrs{{2}},
              "squeeze: axis 2 is out of range: x [2, 1] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SqueezeAttrs, dims, nullptr)};

}  // namespace

extern constinit const OpDef op_squeeze = {
    .name = "squeeze",
    .doc = "axes of size 1 dropped",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .onnx = "Squeeze",
};

Tensor squeeze(Operand x, const Dims& dims) { return apply(op_squeeze, {x}, SqueezeAttrs{dims}); }

Tensor squeeze(Operand x) {
  Dims dims;
  for (int i = 0; x.impl != nullptr && i < x.impl->rank; ++i) {
    if (x.impl->dims()[i] == 1) dims.push_back(i);
  }
  return squeeze(x, dims);
}

}  // namespace gradus
