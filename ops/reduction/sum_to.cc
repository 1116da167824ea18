// sum_to: undoes a broadcast: sums over the axes that `shape` lacks or has with size 1.
// Derivative: the gradient is the cotangent, expanded.
#include "gradus/ops/reduction/sum_to.h"

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const Shape& shape = c.attrs<SumToAttrs>().shape;
  const int shift = c.rank(0) - shape.rank();
  bool fits = shift >= 0;
  for (int k = 0; k < shape.rank() && fits; ++k) fits = shape[k] == 1 || shape[k] == c.dim(0, k + shift);
  if (!fits) {
    c.shape_error(
        fmt::format("[{}] does not broadcast to {}; sizes must be equal or 1, counted from the last axis",
                    fmt::join(shape.begin(), shape.end(), ", "), c.describe(0)));
  }
  c.set_out(0, is_floating(c.dtype(0)) ? c.dtype(0) : DType::i64, shape);  // as sum() has it
}

void kernel(KernelContext& c) {
  const View& x = c.in[0];
  const View& y = c.out[0];
  const int shift = x.rank - y.rank;
  unsigned axes = (1u << shift) - 1;
  for (int k = 0; k < y.rank; ++k) {
    if (y.dims[k] == 1) axes |= 1u << (k + shift);
  }
  kernels::reduce(kernels::Reduction::sum, x, axes, y);
}

void rule(RuleContext& c) { c.set(0, expand(c.grad(), c.input_shape(0))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, SumToAttrs{{4}});
  s.add({s.values({2, 3, 4})}, SumToAttrs{{3, 1}});
  s.add({s.values({2, 3})}, SumToAttrs{{}}, {.note = "to a scalar"});
  s.add({s.values({2, 3})}, SumToAttrs{{2, 3}}, {.note = "nothing to do"});
  s.add({s.values({0, 3})}, SumToAttrs{{1, 3}}, {.note = "sums of nothing"});
  s.add({SampleSink::boolean({2, 3}, {1, 0, 1, 1, 0, 0})}, SumToAttrs{{3}}, {.note = "counts"});
  s.add_error({s.values({3, 4})}, SumToAttrs{{3}},
              "sum_to: [3] does not broadcast to input [3, 4] f64; sizes must be equal or 1, counted from "
              "the last axis");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SumToAttrs, shape, nullptr)};

}  // namespace

extern constinit const OpDef op_sum_to = {
    .name = "sum_to",
    .doc = "sums broadcast axes away until the shape is `shape`",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = sum of x over the axes that shape lacks or has with size 1",
};

Tensor sum_to(Operand input, const Shape& shape) {
  if (input.impl != nullptr &&
      std::span(input.impl->dims(), input.impl->rank).size() == static_cast<std::size_t>(shape.rank()) &&
      std::equal(shape.begin(), shape.end(), input.impl->dims())) {
    return Tensor::share(input.impl);
  }
  return apply(op_sum_to, {input}, SumToAttrs{shape});
}

}  // namespace gradus
