// any: y = whether one element is true, over the axes `dims` of a bool tensor. Of nothing: false.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  if (c.dtype(0) != DType::boolean) {
    c.dtype_error(fmt::format("takes bool tensors: {}; compare first, as in ne(x, 0)", c.describe(0)));
  }
  const auto& a = c.attrs<ReduceAttrs>();
  set_out_reduced(c, 0, a.dims, a.keepdim, DType::boolean);
}

void kernel(KernelContext& c) {
  if (c.in[0].numel == 0) {
    const std::uint8_t of_nothing = 0;
    return kernels::fill(c.out[0], &of_nothing);
  }
  kernels::reduce(kernels::Reduction::max, c.in[0], axes_of(c.attrs<ReduceAttrs>().dims, c.in[0].rank),
                  c.out[0]);
}

void samples(SampleSink& s) {
  s.add({SampleSink::boolean({2, 3}, {0, 0, 0, 1, 0, 1})}, ReduceAttrs{});
  s.add({SampleSink::boolean({3, 2}, {0, 0, 1, 0, 1, 1})}, ReduceAttrs{.dims = {1}});
  s.add({SampleSink::boolean({2, 2, 2}, {0, 1, 1, 1, 0, 1, 0, 1})},
        ReduceAttrs{.dims = {0, -2}, .keepdim = true});
  s.add({SampleSink::boolean({}, {1})}, ReduceAttrs{}, {.note = "scalar"});
  s.add({SampleSink::boolean({0, 2}, {})}, ReduceAttrs{.dims = {0}}, {.note = "of nothing: false"});
  s.add_error({s.values({2})}, ReduceAttrs{},
              "any: takes bool tensors: input [2] f64; compare first, as in ne(x, 0)");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ReduceAttrs, dims, "{}"),
                              GRADUS_ATTR(ReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_any = {
    .name = "any",
    .doc = "whether one element is true over the axes dims, all of them where dims is empty",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "a truth value has no derivative",
    .samples = samples,
    .formula = "y = any_i x_i",
};

Tensor any(Operand input, const Dims& dims, bool keepdim) {
  return apply(op_any, {input}, ReduceAttrs{dims, keepdim});
}

}  // namespace gradus
