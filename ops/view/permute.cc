// permute: y has axis dims[i] of x as its axis i.
// Derivative: the cotangent with the inverse permutation.
#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const Dims& dims = c.attrs<PermuteAttrs>().dims;
  const int rank = c.rank(0);
  std::int64_t strides[kMaxRank];
  strides_of(c.impl(0), strides);
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(rank);
  o.has_strides = true;
  unsigned seen = 0;
  if (dims.size() == rank) {
    for (int i = 0; i < rank; ++i) {
      const int from = c.axis(0, dims[i]);
      seen |= 1U << from;
      o.dims[i] = c.dim(0, from);
      o.strides[i] = strides[from];
    }
  }
  if (dims.size() != rank || seen != (1U << rank) - 1) {
    c.shape_error(fmt::format("{} does not name each of the {} axes of {} once",
                              format_shape({dims.data(), static_cast<std::size_t>(dims.size())}), rank,
                              c.describe(0)));
  }
}

void rule(RuleContext& c) {
  const Dims& dims = c.attrs<PermuteAttrs>().dims;
  Dims inverse = dims;
  for (int i = 0; i < dims.size(); ++i) {
    inverse[static_cast<int>(dims[i] < 0 ? dims[i] + dims.size() : dims[i])] = i;
  }
  c.set(0, permute(c.grad(), inverse));
}

void samples(SampleSink& s) {
  s.add({s.values({2, 3, 4})}, PermuteAttrs{{2, 0, 1}});
  s.add({s.values({2, 3, 4})}, PermuteAttrs{{-1, 1, 0}});
  s.add({s.values({})}, PermuteAttrs{{}}, {.note = "scalar"});
  s.add({s.values({0, 3})}, PermuteAttrs{{1, 0}}, {.note = "empty"});
  s.add_error({s.values({2, 3})}, PermuteAttrs{{0}},
              "permute: [0] does not name each of the 2 axes of x [2, 3] f64 once");
  s.add_error({s.values({2, 3})}, PermuteAttrs{{1, 1}},
              "permute: [1, 1] does not name each of the 2 axes of x [2, 3] f64 once");
  s.add_error({s.values({2, 3})}, PermuteAttrs{{0, 2}},
              "permute: axis 2 is out of range: x [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(PermuteAttrs, dims, nullptr)};

}  // namespace

extern constinit const OpDef op_permute = {
    .name = "permute",
    .doc = "the axes in another order",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .onnx = "Transpose",
};

Tensor permute(Operand x, const Dims& dims) { return apply(op_permute, {x}, PermuteAttrs{dims}); }

}  // namespace gradus
