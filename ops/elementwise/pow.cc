// pow: y = a^b, broadcast. Integers wrap around and take exponents from 0 on.
// Derivative: dy/da = b a^(b-1), 0 where b = 0; dy/db = y ln a, 0 where a = 0 and b >= 0.
// One exponent for all elements that is 2, 3, 1/2, -1 or -1/2 runs as the product or root that it means.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/pow.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Pow {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, const void*) const {
    using T = hn::TFromD<D>;
    if constexpr (hwy::IsFloat<T>()) {
      return math::Pow(d, a, b);
    } else {
      return map_lanes(
          d,
          [](T x, T n) HWY_ATTR {
            std::uint64_t y = 1;
            std::uint64_t power = static_cast<std::uint64_t>(x);
            for (std::uint64_t rest = static_cast<std::uint64_t>(n); rest != 0; rest >>= 1, power *= power) {
              if ((rest & 1) != 0) y *= power;
            }
            return static_cast<T>(y);
          },
          a, b);
    }
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kPowLoops, Pow, kNumbers, 2)
GRADUS_UNARY(kPow2Loops, kFloating, hn::Mul(x, x))
GRADUS_UNARY(kPow3Loops, kFloating, hn::Mul(hn::Mul(x, x), x))
GRADUS_UNARY(kPowHalfLoops, kFloating, hn::Sqrt(x))
GRADUS_UNARY(kPowMinus1Loops, kFloating, hn::Div(math::Const(d, 1), x))
GRADUS_UNARY(kPowMinusHalfLoops, kFloating, hn::Div(math::Const(d, 1), hn::Sqrt(x)))

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/elementwise/promote.h"
#include "gradus/ops/kernels/reduce.h"

namespace gradus {
namespace {

double first_element(const View& v) { return v.dtype == DType::f32 ? *v.as<float>() : *v.as<double>(); }

const kernels::ElementwiseLoops* loops_for(double exponent) {
  if (exponent == 2) return &kernels::kPow2Loops;
  if (exponent == 3) return &kernels::kPow3Loops;
  if (exponent == 0.5) return &kernels::kPowHalfLoops;
  if (exponent == -1) return &kernels::kPowMinus1Loops;
  if (exponent == -0.5) return &kernels::kPowMinusHalfLoops;
  return nullptr;
}

// An integer to a negative power is no integer.
void refuse_negative(const KernelContext& c) {
  const View& exponents = c.in[1];
  if (exponents.numel == 0 || exponents.dtype == DType::u8) return;
  std::int64_t smallest = 0;  // holds an i32 too
  const View out{&smallest, nullptr, nullptr, 1, 0, exponents.dtype};
  kernels::reduce(kernels::Reduction::min, exponents, kernels::all_axes(exponents.rank), out);
  const std::int64_t value = exponents.dtype == DType::i32 ? *out.as<std::int32_t>() : smallest;
  if (value < 0) {
    c.fail_value(
        fmt::format("integers to the negative power {}; convert both with astype(x, DType::f32)", value));
  }
}

// g b a^(b-1).
Tensor base_gradient(const Tensor& g, const Tensor& a, const Tensor& b) {
  if (b.numel() == 1 && !b.requires_grad()) {
    const double e = b.item();
    if (e == 1) return g;
    if (e == 2) return zmul(g, mul(a, 2));
    if (e != 0) return zmul(g, mul(pow(a, e - 1), e));
  }
  // Where b = 0 the factor b settles it, but for a = 0 and NaN, whose powers are no numbers.
  const Tensor undefined = logical_and(eq(b, 0), logical_not(gt(abs(a), 0)));
  return zmul(g, where(undefined, 0, mul(pow(a, sub(b, 1)), b)));
}

void infer(InferContext& c) { infer_elementwise(c, kernels::kPowLoops); }

void kernel(KernelContext& c) {
  if (c.in[1].numel == 1 && is_floating(c.in[1].dtype)) {
    if (const kernels::ElementwiseLoops* loops = loops_for(first_element(c.in[1]))) {
      return kernels::elementwise(*loops, c.in, 1, c.out[0]);
    }
  } else if (!is_floating(c.in[1].dtype)) {
    refuse_negative(c);
  }
  kernels::elementwise(kernels::kPowLoops, c.in, 2, c.out[0]);
}

void rule(RuleContext& c) {
  const Tensor a = c.input(0);
  const Tensor b = c.input(1);
  if (c.needs(0)) c.set(0, base_gradient(c.grad(), a, b));
  if (c.needs(1)) {
    // At a = 0 the result stays 0 (or 1 at b = 0) while b moves, though ln 0 is infinite.
    const Tensor d = mul(c.output(), log(a));
    c.set(1, zmul(c.grad(), where(logical_and(eq(a, 0), ge(b, 0)), 0, d)));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.4, 2.5), s.values({3, 4}, 0.4, 2.5)});
  s.add({s.values({2, 1, 4}, 0.4, 2.5), s.values({3, 1}, 0.4, 2.5)}, {}, {.note = "broadcast"});
  s.add({s.values({}, 0.4, 2.5), s.values({5}, 0.4, 2.5)}, {}, {.note = "one element"});
  s.add({s.values({0, 3}, 0.4, 2.5), s.values({3}, 0.4, 2.5)}, {}, {.note = "empty"});
  s.add({s.values({5}, 0.4, 2.5), SampleSink::f64({}, {2.0})}, {}, {.note = "exponent 2.0"});
  s.add({s.values({5}, 0.4, 2.5), SampleSink::f64({}, {3.0})}, {}, {.note = "exponent 3.0"});
  s.add({s.values({5}, 0.4, 2.5), SampleSink::f64({}, {0.5})}, {}, {.note = "exponent 0.5"});
  s.add({s.values({5}, 0.4, 2.5), SampleSink::f64({}, {-1.0})}, {}, {.note = "exponent -1.0"});
  s.add({s.values({5}, 0.4, 2.5), SampleSink::f64({}, {-0.5})}, {}, {.note = "exponent -0.5"});
  s.add({SampleSink::f64({12}, {0.0, 0.0, 0.0, -2.0, -2.0, NAN, 0.0, HUGE_VAL, 2.0, NAN, 1.0, 0.0}),
         SampleSink::f64({12}, {0.0, 1.0, 2.0, 3.0, 0.5, 0.0, -1.0, 0.0, 0.0, 1.0, NAN, NAN})},
        {}, {.gradcheck = false, .note = "zeros, negative bases, infinity, NaN"});
  s.add({SampleSink::i64({4}, {-2, 0, 0, 5}), SampleSink::i64({4}, {3, 3, 0, 5})}, {}, {.note = "integers"});
  s.add_error({SampleSink::i64({2}, {2, 3}), SampleSink::i64({2}, {1, -2})},
              "pow: integers to the negative power -2; convert both with astype(x, DType::f32)");
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "pow: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one and "
              "4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "pow: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::boolean({2}, {1, 0}), SampleSink::boolean({2}, {1, 0})},
              "pow: does not take bool: a [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | in(1), in(0) | in(1) | out(0)};

}  // namespace

extern constinit const OpDef op_pow = {
    .name = "pow",
    .doc = "a to the power b, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Pow",
    .formula = "y = a^b",
};

Tensor pow(Operand a, Operand b) { return apply_promoted(op_pow, a, b); }
Tensor pow(Operand a, Scalar b) { return apply_promoted(op_pow, a, b); }
Tensor pow(Scalar a, Operand b) { return apply_promoted(op_pow, a, b); }

}  // namespace gradus
#endif
