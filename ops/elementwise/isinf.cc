// isinf: whether x is inf or -inf, as bool; integers never are.
// No derivative: the result is bool.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/isinf.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Isinf {
  template <class D, class V>
  HWY_INLINE auto operator()([[maybe_unused]] D d, V x, const void*) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
      const V inf = hn::Set(d, std::numeric_limits<hn::TFromD<D>>::infinity());
      return hn::Eq(hn::Abs(x), inf);
    } else {
      return hn::Lt(x, x);
    }
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kIsinfLoops, Isinf, kAllTypes, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/classify.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_predicate(c, kernels::kIsinfLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kIsinfLoops, c.in, 1, c.out[0]); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({7}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN, -NAN, 1e30})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add({SampleSink::boolean({2}, {0, 1})}, {}, {.note = "bool"});
  s.add_error({Tensor()}, "isinf: operand input is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_isinf = {
    .name = "isinf",
    .doc = "whether x is infinite",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "its result is bool",
    .samples = samples,
    .onnx = "IsInf",
    .formula = "y = (|x| = inf)",
};

Tensor isinf(Operand input) { return apply(op_isinf, {input}); }

}  // namespace gradus
#endif
