// reshape: the same elements in row-major order under another shape.
// Derivative: the cotangent reshaped back. The output is a view where some strides give it (runs of old axes
// that are equally spaced are merged and split anew); otherwise the kernel copies, in the same op.
#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

// Walks both shapes from the last axis. A group is a maximal run of old axes that lie in memory like one; new
// axes are cut from its end until it is used up. False where a new axis would span two groups.
bool view_strides(const TensorImpl& x, const OutputMeta& to, std::int64_t* strides) {
  std::int64_t from_strides[kMaxRank];
  strides_of(x, from_strides);
  const std::int64_t* dims = x.dims();
  int next = to.rank - 1;
  std::int64_t group = 1;  // elements of the group so far
  std::int64_t base = x.rank > 0 ? from_strides[x.rank - 1] : 1;
  for (int i = x.rank - 1; i >= 0; --i) {
    group *= dims[i];
    const bool ends = i == 0 || (dims[i - 1] != 1 && from_strides[i - 1] != group * base);
    if (!ends) continue;
    std::int64_t taken = 1;
    while (next >= 0 && (taken < group || to.dims[next] == 1)) {
      strides[next] = taken * base;
      taken *= to.dims[next];
      --next;
    }
    if (taken != group) return false;
    if (i > 0) {
      base = from_strides[i - 1];
      group = 1;
    }
  }
  for (; next >= 0; --next) strides[next] = base;  // sizes of 1 in front of a scalar
  return true;
}

void infer(InferContext& c) {
  const Shape& shape = c.attrs<ReshapeAttrs>().shape;
  OutputMeta& o = c.out(0);
  c.set_out(0, c.dtype(0), shape);
  int unknown = -1;
  std::int64_t known = 1;
  bool overflow = false;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == -1) {
      if (unknown >= 0)
        c.shape_error(fmt::format("{} has two sizes of -1; at most one can be worked out",
                                  format_shape({shape.data(), o.rank})));
      unknown = i;
    } else if (shape[i] < 0) {
      c.shape_error(fmt::format("{} has the size {}; sizes are not negative, and -1 is worked out",
                                format_shape({shape.data(), o.rank}), shape[i]));
    } else {
      overflow |= __builtin_mul_overflow(known, shape[i], &known);
    }
  }
  if (unknown >= 0 && known != 0) {
    o.dims[unknown] = c.numel(0) / known;
    overflow |= __builtin_mul_overflow(known, o.dims[unknown], &known);
  } else if (unknown >= 0) {
    c.shape_error(fmt::format("the -1 of {} could be any size, because another size is 0: {}; write it out",
                              format_shape({shape.data(), o.rank}), c.describe(0)));
  }
  if (overflow || known != c.numel(0)) {
    c.shape_error(fmt::format("{} has {} elements, which do not fill {}", c.describe(0), c.numel(0),
                              format_shape({shape.data(), o.rank})));
  }
  const TensorImpl& x = c.impl(0);
  if (x.strides == nullptr || x.numel == 0) return;
  o.has_strides = view_strides(x, o, o.strides);
  o.copies = !o.has_strides;
}

void kernel(KernelContext& c) {
  View to = c.out[0];
  to.dims = c.in[0].dims;
  to.rank = c.in[0].rank;
  kernels::copy(c.in[0], to);
}

void rule(RuleContext& c) { c.set(0, reshape(c.grad(), c.input_shape(0))); }

void samples(SampleSink& s) {
  s.add({s.values({2, 6})}, ReshapeAttrs{{3, 4}});
  s.add({s.values({2, 6})}, ReshapeAttrs{{4, -1}});
  s.add({s.values({3, 1, 2})}, ReshapeAttrs{{6}});
  s.add({s.values({1})}, ReshapeAttrs{{}}, {.note = "to a scalar"});
  s.add({s.values({})}, ReshapeAttrs{{1, 1}}, {.note = "from a scalar"});
  s.add({s.values({0, 3})}, ReshapeAttrs{{5, 0}}, {.note = "empty"});
  s.add_error({s.values({2, 3})}, ReshapeAttrs{{4, 2}},
              "reshape: x [2, 3] f64 has 6 elements, which do not fill [4, 2]");
  s.add_error({s.values({2, 3})}, ReshapeAttrs{{4, -1}},
              "reshape: x [2, 3] f64 has 6 elements, which do not fill [4, -1]");
  s.add_error({s.values({2, 3})}, ReshapeAttrs{{-1, -1}},
              "reshape: [-1, -1] has two sizes of -1; at most one can be worked out");
  s.add_error({s.values({2, 3})}, ReshapeAttrs{{-2, 3}},
              "reshape: [-2, 3] has the size -2; sizes are not negative, and -1 is worked out");
  s.add_error(
      {s.values({0, 3})}, ReshapeAttrs{{0, -1}},
      "reshape: the -1 of [0, -1] could be any size, because another size is 0: x [0, 3] f64; write it out");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ReshapeAttrs, shape, nullptr)};

}  // namespace

extern constinit const OpDef op_reshape = {
    .name = "reshape",
    .doc = "the elements in row-major order under another shape; one size may be -1",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Reshape",
};

Tensor reshape(Operand x, const Shape& shape) { return apply(op_reshape, {x}, ReshapeAttrs{shape}); }

Tensor flatten(Operand x, std::int64_t start_dim, std::int64_t end_dim) {
  if (x.impl == nullptr) return apply(op_reshape, {x}, ReshapeAttrs{});  // which says so
  const std::int64_t rank = x.impl->rank;
  const std::int64_t axes = rank == 0 ? 1 : rank;  // a scalar counts as [1]
  const std::int64_t first = start_dim < 0 ? start_dim + axes : start_dim;
  const std::int64_t last = end_dim < 0 ? end_dim + axes : end_dim;
  if (first < 0 || first >= axes || last < first || last >= axes) {
    throw_error<ShapeError>(x.where, "flatten", "the axes {}..{} are no range of x {}, which has {} axes",
                            start_dim, end_dim, format_shape({x.impl->dims(), x.impl->rank}), rank);
  }
  ReshapeAttrs attrs;
  std::int64_t merged = 1;
  for (int i = 0; i < rank; ++i) {
    if (i >= first && i <= last) merged *= x.impl->dims()[i];
    if (i < first || i > last) attrs.shape.push_back(x.impl->dims()[i]);
    if (i == last) attrs.shape.push_back(merged);
  }
  if (rank == 0) attrs.shape.push_back(1);
  return apply(op_reshape, {x}, attrs);
}

}  // namespace gradus
