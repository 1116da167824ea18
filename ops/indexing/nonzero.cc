// nonzero: the places of the elements that are not 0, in row-major order. How many there are depends on the
// values, which infer counts.
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/kernels/index.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.set_out(0, DType::i64, Shape{kernels::count_nonzero(c.impl(0).view()), c.rank(0)});
}

void kernel(KernelContext& c) { kernels::nonzero(c.in[0], c.out[0]); }

void samples(SampleSink& s) {
  s.add({SampleSink::f64({2, 3}, {1, 0, -2, 0, 0, 0.5})});
  s.add({SampleSink::boolean({2, 2, 2}, {0, 1, 1, 0, 0, 0, 1, 1})});
  s.add({SampleSink::f64({5}, {0.0, -0.0, NAN, HUGE_VAL, -HUGE_VAL})}, {},
        {.note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {0, 0, 0})}, {}, {.note = "no element"});
  s.add({SampleSink::i64({}, {4})}, {}, {.note = "scalar"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add_error({Tensor()}, "nonzero: operand input is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_nonzero = {
    .name = "nonzero",
    .doc = "the places of the elements that are not 0, one row each",
    .inputs = kInputs,
    .flags = kDataDependent,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "places are whole numbers",
    .samples = samples,
    .onnx = "NonZero",
    .formula = "y = [i where x[i] != 0]",
};

Tensor nonzero(Operand input) { return apply(op_nonzero, {input}); }

}  // namespace gradus
