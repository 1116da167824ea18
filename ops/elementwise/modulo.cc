#include "gradus/ops/elementwise/modulo.h"

#include <fmt/format.h>

#include <cmath>

#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/kernels/layout.h"

namespace gradus {
namespace {

template <class T>
bool has_zero(const View& v) {
  const T* p = v.as<T>();
  const View* views[] = {&v};
  const kernels::Layout layout = kernels::make_layout(views, 1);
  if (layout.rank == 0) return *p == 0;
  const std::int64_t stride = layout.strides[0][layout.rank - 1];
  for (kernels::Runs run(layout, 0, layout.numel); run.n > 0; run.next()) {
    for (std::int64_t i = 0; i < run.n; ++i) {
      if (p[run.offset[0] + i * stride] == 0) return true;
    }
  }
  return false;
}

bool has_zero_of_any(const View& v) {
  switch (v.dtype) {
    case DType::i32:
      return has_zero<std::int32_t>(v);
    case DType::i64:
      return has_zero<std::int64_t>(v);
    case DType::u8:
      return has_zero<std::uint8_t>(v);
    default:
      return false;
  }
}

}  // namespace

void refuse_zero_divisor(const KernelContext& c) {
  if (c.out[0].numel == 0) return;
  if (has_zero_of_any(c.in[1])) {
    c.fail_value("an integer divisor is 0; convert both with astype(x, DType::f32) for NaN there");
  }
}

void modulo_rule(RuleContext& c, Tensor (*round)(Operand)) {
  if (c.needs(0)) c.set(0, c.grad());
  if (c.needs(1)) {
    const Tensor quotient = round(div(constant(c.input(0)), constant(c.input(1))));
    c.set(1, neg(zmul(c.grad(), quotient)));
  }
}

void modulo_samples(SampleSink& s, const char* op) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::i64({6}, {7, -7, 7, -7, 6, -6}), SampleSink::i64({6}, {3, 3, -3, -3, 3, -1})}, {},
        {.note = "integers"});
  s.add({SampleSink::f64({5}, {1e17, -1e17, 1e300, 1e18, -5e-324}),
         SampleSink::f64({5}, {3.0, 7.0, 1e-3, -0.1, 2.0})},
        {}, {.gradcheck = false, .note = "large quotients"});
  s.add({s.values({4}, 5.0, 9.0), s.values({4}, 0.7, 1.9)}, {}, {.note = "several times"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 0})},
      fmt::format("{}: an integer divisor is 0; convert both with astype(x, DType::f32) for NaN there", op));
  s.add({SampleSink::f64({11}, {0.0, -0.0, 3.0, -6.0, 6.0, HUGE_VAL, 2.0, -2.0, NAN, 1.0, 5.5}),
         SampleSink::f64({11}, {1.0, 1.0, 0.0, 3.0, -3.0, 2.0, HUGE_VAL, -HUGE_VAL, 1.0, NAN, -2.0})},
        {}, {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              fmt::format("{}: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 "
                          "in one and 4 in another; sizes must be equal or 1",
                          op));
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              fmt::format("{}: dtypes differ: a [2] f64, b [2] i64; convert one with astype()", op));
  s.add_error({SampleSink::boolean({2}, {1, 0}), SampleSink::boolean({2}, {1, 0})},
              fmt::format("{}: does not take bool: a [2] bool; convert it with astype(x, DType::i64)", op));
}

}  // namespace gradus
