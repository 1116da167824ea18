#include "gradus/ops/elementwise/rounding.h"

#include <fmt/format.h>

#include <cmath>

#include "gradus/ops/elementwise/infer.h"

namespace gradus {

void rounding_rule(RuleContext& c) { c.set(0, zero_gradient(c, 0)); }

void rounding_samples(SampleSink& s, const char* op) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {-1.5, -0.5, 0.5, 1.5, 2.5, 3.0})}, {},
        {.gradcheck = false, .note = "halves and whole numbers"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add_error(
      {SampleSink::boolean({2}, {1, 0})},
      fmt::format("{}: does not take bool: input [2] bool; convert it with astype(x, DType::i64)", op));
}

}  // namespace gradus
