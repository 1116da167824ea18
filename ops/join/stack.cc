// stack: tensors of one shape along a new axis.
// Derivative: each input gets its selection of the cotangent.
#include <fmt/format.h>

#include <algorithm>

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
  const std::int64_t dim = c.attrs<JoinAttrs>().dim;
  const int rank = c.rank(0) + 1;
  if (dim < -rank || dim >= rank) {
    c.shape_error(fmt::format("axis {} is out of range: {} has room for a new axis at {}..{}", dim,
                              c.describe(0), -rank, rank - 1));
  }
  if (rank > kMaxRank) {
    c.shape_error(fmt::format("{} has {} axes already, which is the most", c.describe(0), kMaxRank));
  }
  for (int i = 1; i < c.size(); ++i) {
    if (c.rank(i) != c.rank(0) || !std::equal(c.dims(i), c.dims(i) + c.rank(i), c.dims(0))) {
      c.shape_error(fmt::format("shapes differ: {}, {}", c.describe(0), c.describe(i)));
    }
  }
  const std::int64_t axis = dim < 0 ? dim + rank : dim;
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(rank);
  for (int i = 0; i < rank; ++i) o.dims[i] = i == axis ? c.size() : c.dim(0, i < axis ? i : i - 1);
}

void kernel(KernelContext& c) {
  const View& out = c.out[0];
  const std::int64_t dim = c.attrs<JoinAttrs>().dim;
  const std::int64_t axis = dim < 0 ? dim + out.rank : dim;
  std::int64_t strides[kMaxRank];
  std::int64_t between = 0;
  std::int64_t step = 1;
  for (int i = out.rank - 1, k = out.rank - 2; i >= 0; --i) {
    (i == axis ? between : strides[k--]) = step;
    step *= out.dims[i];
  }
  copy_parts(c, strides, [&](int) { return between; });
}

void rule(RuleContext& c) {
  for (int i = 0; i < c.size(); ++i) {
    if (c.needs(i)) c.set(i, select(c.grad(), c.attrs<JoinAttrs>().dim, i));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({2, 3}), s.values({2, 3}), s.values({2, 3})}, JoinAttrs{0});
  s.add({s.values({2, 3}), s.values({2, 3})}, JoinAttrs{-1});
  s.add({s.values({2, 3}), s.values({2, 3})}, JoinAttrs{1});
  s.add({s.values({}), s.values({})}, JoinAttrs{0}, {.note = "scalars"});
  s.add({s.values({0}), s.values({0})}, JoinAttrs{0}, {.note = "empty"});
  s.add_error({s.values({2, 3}), s.values({3, 2})}, JoinAttrs{0},
              "stack: shapes differ: tensors[0] [2, 3] f64, tensors[1] [3, 2] f64");
  s.add_error({s.values({2}), s.values({2})}, JoinAttrs{2},
              "stack: axis 2 is out of range: tensors[0] [2] f64 has room for a new axis at -2..1");
  s.add_error({}, JoinAttrs{0}, "stack: the list of tensors is empty; it needs at least one");
}

constexpr const char* kInputs[] = {"tensors"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(JoinAttrs, dim, "0")};

}  // namespace

extern constinit const OpDef op_stack = {
    .name = "stack",
    .doc = "tensors of one shape along a new axis",
    .inputs = kInputs,
    .variadic = true,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

Tensor stack(std::span<const Tensor> tensors, std::int64_t dim, Location where) {
  if (tensors.empty()) {
    throw_error<ValueError>(where, "stack", "the list of tensors is empty; it needs at least one");
  }
  return apply_joined(op_stack, tensors, dim, where);
}

}  // namespace gradus
