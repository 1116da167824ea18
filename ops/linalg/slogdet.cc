// slogdet: sign and logarithm of the absolute value of the determinant, by LU factorisation.
// Derivative: of log |det(a)| a^-T (M. B. Giles, "Collected matrix derivative results for forward and reverse
// mode algorithmic differentiation" (2008), section 2.2.4); of the sign 0. For a singular a NaN, unless the
// cotangent is 0.
#include <cmath>

#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/lu.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_determinant(c, 2); }

void kernel(KernelContext& c) {
  const Matrices a(c.in[0]);
  const std::int64_t n = a.rows();
  with_floating(c.in[0].dtype, [&]<class T>(T) {
    T *sign = c.out[0].as<T>(), *log = c.out[1].as<T>();
    if (n == 0) {
      std::fill_n(sign, c.out[0].numel, T{1});
      std::fill_n(log, c.out[1].numel, T{0});
      return;
    }
    for_each_matrix(a.count(), n * n * n * 2 / 3, [&](std::int64_t i, std::int64_t slot) {
      bool odd;
      const T* lu = determinant_pivots<T>(c, a, i, slot, &odd);
      double of_sign = odd ? -1 : 1, sum = 0;
      for (std::int64_t k = 0; k < n; ++k) {
        const double u = lu[k * n + k];
        of_sign = u > 0 ? of_sign : u < 0 ? -of_sign : of_sign * u;  // 0 or NaN
        sum += std::log(std::abs(u));
      }
      sign[i] = static_cast<T>(of_sign == 0 ? 0 : of_sign);  // not -0
      log[i] = static_cast<T>(sum);
    });
  });
}

void rule(RuleContext& c) {
  Tensor a = c.input(0), g = c.grad(1);
  const Tensor singular = eq(c.output(0), 0);
  const auto flags = singular.to_vector<std::uint8_t>();
  if (std::find(flags.begin(), flags.end(), 1) != flags.end()) {
    // The unit matrix stands in for a singular one.
    const Shape shape = a.shape();
    const Tensor unit = eye(shape[shape.rank() - 1], {.dtype = a.dtype()});
    a = where(unsqueeze(unsqueeze(singular, -1), -1), unit, a);
    const Tensor full = expand(unsqueeze(unsqueeze(g, -1), -1), shape);
    const Tensor nan = zmul(full, full_like(full, NAN));
    c.set(0, where(unsqueeze(unsqueeze(singular, -1), -1), nan, mul(full, matrix_transpose(linalg::inv(a)))));
    return;
  }
  c.set(0, scale_matrices(matrix_transpose(linalg::inv(a)), g));
}

void samples(SampleSink& s) {
  s.add({sample_separated(s, {3, 3})});
  s.add({SampleSink::f64({3, 3}, {0.5, 2, 1, 4, 1, -1, 1, 3, -2})}, {}, {.note = "rows are swapped"});
  s.add({sample_separated(s, {2, 1, 4, 4})}, {}, {.note = "a batch"});
  s.add({SampleSink::f64({1, 1}, {-4})}, {}, {.note = "size 1"});
  s.add({SampleSink::f64({2, 2, 2}, {1, 2, 2, 4, 1, 2, 3, 4})}, {}, {.gradcheck = false, .note = "singular"});
  s.add({s.values({2, 0, 0})}, {}, {.note = "of nothing: 1 and 0"});
  s.add({s.values({0, 2, 2})}, {}, {.note = "no matrices"});
  sample_square_errors(s, "linalg_slogdet", NoAttrs{});
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};

}  // namespace

extern constinit const OpDef op_linalg_slogdet = {
    .name = "linalg_slogdet",
    .doc = "the sign of the determinant and the logarithm of its absolute value",
    .inputs = kInputs,
    .outputs = 2,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "sign(det(a)), log |det(a)|",
};

namespace linalg {
Slogdet slogdet(Operand a) {
  Tensor outs[2];
  apply(op_linalg_slogdet, std::span(&a, 1), nullptr, outs);
  return {std::move(outs[0]), std::move(outs[1])};
}
}  // namespace linalg

}  // namespace gradus
