// masked_select: the elements where a mask is true, in row-major order of the shape to which input and mask
// broadcast. How many there are depends on the mask's values, which infer counts.
// Derivative: the cotangent's elements put back at those places of zeros (index_select_backward).
#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/index.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  if (c.dtype(1) != DType::boolean) {
    c.dtype_error(fmt::format("the mask is not bool: {}; compare it, as in ne(x, 0)", c.describe(1)));
  }
  c.set_out_broadcast(0, c.dtype(0));
  const OutputMeta& all = c.out(0);
  std::int64_t numel = 1;
  for (int i = 0; i < all.rank; ++i) {
    if (__builtin_mul_overflow(numel, all.dims[i], &numel)) {
      c.shape_error(fmt::format("{} and {} broadcast to too many elements", c.describe(0), c.describe(1)));
    }
  }
  // Broadcasting repeats each element of the mask equally often.
  const std::int64_t trues = numel == 0 ? 0 : kernels::count_nonzero(c.impl(1).view());
  c.set_out(0, c.dtype(0), Shape{numel == 0 ? 0 : trues * (numel / c.numel(1))});
}

void kernel(KernelContext& c) {
  const View& x = c.in[0];
  const View& mask = c.in[1];
  const int rank = std::max(x.rank, mask.rank);
  std::int64_t dims[kMaxRank];
  for (int i = 0; i < rank; ++i) {
    const int a = i - (rank - x.rank), b = i - (rank - mask.rank);
    const std::int64_t n = a < 0 ? 1 : x.dims[a], m = b < 0 ? 1 : mask.dims[b];
    dims[i] = n == 1 ? m : n;
  }
  kernels::masked_select(x, mask, dims, rank, c.out[0]);
}

void rule(RuleContext& c) {
  const Tensor mask = c.input(1);
  const Shape x = c.input_shape(0), m = mask.shape();
  Shape all;
  const int rank = std::max(x.rank(), m.rank());
  for (int i = 0; i < rank; ++i) {
    const int a = i - (rank - x.rank()), b = i - (rank - m.rank());
    const std::int64_t n = a < 0 ? 1 : x[a], k = b < 0 ? 1 : m[b];
    all.push_back(n == 1 ? k : n);
  }
  const Tensor places = select(nonzero(flatten(expand(mask, all))), 1, 0);
  c.set(0, reshape(index_select_backward(c.grad(), places, 0, all.numel()), all));
}

void samples(SampleSink& s) {
  s.add({s.values({2, 3}), SampleSink::boolean({2, 3}, {1, 0, 1, 0, 0, 1})});
  s.add({s.values({2, 3}), SampleSink::boolean({3}, {0, 1, 1})}, {}, {.note = "the mask broadcast"});
  s.add({s.values({3}), SampleSink::boolean({2, 1}, {1, 0})}, {}, {.note = "both broadcast"});
  s.add({s.values({2, 1}), SampleSink::boolean({2, 2}, {1, 1, 0, 1})}, {}, {.note = "an element twice"});
  s.add({s.values({}), SampleSink::boolean({}, {1})}, {}, {.note = "scalar"});
  s.add({s.values({3}), SampleSink::boolean({3}, {0, 0, 0})}, {}, {.note = "no element"});
  s.add({s.values({0, 2}), SampleSink::boolean({2}, {1, 1})}, {}, {.note = "empty"});
  s.add({SampleSink::i64({3}, {7, 8, 9}), SampleSink::boolean({3}, {1, 0, 1})}, {}, {.note = "integers"});
  s.add_error({s.values({2}), s.values({2})},
              "masked_select: the mask is not bool: mask [2] f64; compare it, as in ne(x, 0)");
  s.add_error({s.values({2, 3}), SampleSink::boolean({2}, {1, 0})},
              "masked_select: shapes do not broadcast: input [2, 3] f64, mask [2] bool: axis 1 from the end "
              "is 3 in one and 2 in another; sizes must be equal or 1");
}

constexpr const char* kInputs[] = {"input", "mask"};
constexpr SaveMask kSaves[] = {in(1)};

}  // namespace

extern constinit const OpDef op_masked_select = {
    .name = "masked_select",
    .doc = "the elements of input where mask, as a list",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kDataDependent | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = [x[i] for i where mask[i]]",
};

Tensor masked_select(Operand input, Operand mask) { return apply(op_masked_select, {input, mask}); }

}  // namespace gradus
