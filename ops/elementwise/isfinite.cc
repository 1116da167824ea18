// isfinite: whether x is neither infinite nor NaN, as bool; integers always are.
// No derivative: the result is bool.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/isfinite.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Isfinite {
  template <class D, class V>
  HWY_INLINE auto operator()([[maybe_unused]] D d, V x, const void*) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
      const V inf = hn::Set(d, std::numeric_limits<hn::TFromD<D>>::infinity());
      return hn::Lt(hn::Abs(x), inf);
    } else {
      return hn::Eq(x, x);
    }
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kIsfiniteLoops, Isfinite, kAllTypes, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/classify.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_predicate(c, kernels::kIsfiniteLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kIsfiniteLoops, c.in, 1, c.out[0]); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({7}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN, -NAN, 1e30})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add({SampleSink::boolean({2}, {0, 1})}, {}, {.note = "bool"});
  s.add_error({Tensor()}, "isfinite: operand input is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_isfinite = {
    .name = "isfinite",
    .doc = "whether x is neither infinite nor NaN",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "its result is bool",
    .samples = samples,
    .formula = "y = (|x| < inf)",
};

Tensor isfinite(Operand input) { return apply(op_isfinite, {input}); }

}  // namespace gradus
#endif
