// concat: tensors one after the other along an axis.
// Derivative: each input gets its slice of the cotangent.
#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/join.h"
#include "gradus/ops/join/attrs.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  if (c.size() == 0) c.value_error("the list of tensors is empty; it needs at least one");
  c.require_same_dtype();
  const int axis = c.axis(0, c.attrs<JoinAttrs>().dim);
  c.set_out_like(0, 0);
  OutputMeta& o = c.out(0);
  for (int i = 1; i < c.size(); ++i) {
    bool fits = c.rank(i) == c.rank(0);
    for (int k = 0; fits && k < c.rank(0); ++k) fits = k == axis || c.dim(i, k) == c.dim(0, k);
    if (!fits) {
      c.shape_error(
          fmt::format("only the sizes along axis {} may differ: {}, {}", axis, c.describe(0), c.describe(i)));
    }
    o.dims[axis] += c.dim(i, axis);
  }
}

void kernel(KernelContext& c) {
  const View& out = c.out[0];
  const std::int64_t dim = c.attrs<JoinAttrs>().dim;
  const auto axis = static_cast<int>(dim < 0 ? dim + out.rank : dim);
  std::int64_t strides[kMaxRank];
  std::int64_t step = 1;
  for (int i = out.rank - 1; i >= 0; --i) {
    strides[i] = step;
    step *= out.dims[i];
  }
  copy_parts(c, strides, [&](int i) { return c.in[i].dims[axis] * strides[axis]; });
}

void rule(RuleContext& c) {
  const std::int64_t dim = c.attrs<JoinAttrs>().dim;
  const int rank = c.output_shape().rank();
  const auto axis = static_cast<int>(dim < 0 ? dim + rank : dim);
  std::int64_t start = 0;
  for (int i = 0; i < c.size(); ++i) {
    const std::int64_t end = start + c.input_shape(i)[axis];
    if (c.needs(i)) c.set(i, slice(c.grad(), axis, start, end));
    start = end;
  }
}

void samples(SampleSink& s) {
  s.add({s.values({2, 3}), s.values({1, 3}), s.values({3, 3})}, JoinAttrs{0});
  s.add({s.values({2, 3, 2}), s.values({2, 1, 2})}, JoinAttrs{-2});
  s.add({s.values({4})}, JoinAttrs{0}, {.note = "one tensor"});
  s.add({s.values({2, 0}), s.values({2, 3}), s.values({2, 0})}, JoinAttrs{1}, {.note = "empty parts"});
  const Tensor x = s.values({3, 2});
  s.add({x, x}, JoinAttrs{1}, {.note = "the same tensor twice"});
  s.add_error({s.values({2, 3}), s.values({2, 4})}, JoinAttrs{0},
              "concat: only the sizes along axis 0 may differ: tensors[0] [2, 3] f64, tensors[1] [2, 4] f64");
  s.add_error({s.values({2, 3}), s.values({3})}, JoinAttrs{0},
              "concat: only the sizes along axis 0 may differ: tensors[0] [2, 3] f64, tensors[1] [3] f64");
  s.add_error({s.values({2}), s.i64({1}, {1})}, JoinAttrs{0},
              "concat: dtypes differ: tensors[0] [2] f64, tensors[1] [1] i64; convert one with astype()");
  s.add_error({s.values({2}), s.values({2})}, JoinAttrs{1},
              "concat: axis 1 is out of range: tensors[0] [2] f64 has the axes -1..0");
  s.add_error({}, JoinAttrs{0}, "concat: the list of tensors is empty; it needs at least one");
}

constexpr const char* kInputs[] = {"tensors"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(JoinAttrs, dim, "0")};

}  // namespace

extern constinit const OpDef op_concat = {
    .name = "concat",
    .doc = "tensors one after the other along an axis",
    .inputs = kInputs,
    .variadic = true,
    .attrs = kAttrs,
    .flags = kInputShapes | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Concat",
};

Tensor concat(std::span<const Tensor> tensors, std::int64_t dim, Location where) {
  if (tensors.empty()) {
    throw_error<ValueError>(where, "concat", "the list of tensors is empty; it needs at least one");
  }
  return apply_joined(op_concat, tensors, dim, where);
}

}  // namespace gradus
