// cholesky: L of a = L L^T, lower triangular with a positive diagonal; with `upper` U = L^T.
// Derivative: with P = L^T g, its lower half mirrored into the upper one, the gradient of a is
// L^-T P L^-1 / 2. I. Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527 (2016). Both
// halves of a are read, their mean counts, so that the gradient is symmetric, as PyTorch's is, and exact.
#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_square(c, 0);
  c.set_out_like(0, 0);
}

void kernel(KernelContext& c) {
  const Matrices a(c.in[0]);
  const std::int64_t n = a.rows();
  with_floating(c.out[0].dtype, [&]<class T>(T) {
    for_each_matrix(c.out[0].numel == 0 ? 0 : a.count(), n * n * n / 3, [&](std::int64_t i, std::int64_t) {
      T* l = c.out[0].as<T>() + i * n * n;
      load_symmetric(c, a, i, SymmetricHalf::both, l);
      const std::int64_t minor = kernels::cholesky(c.attrs<CholeskyAttrs>().upper, n, l);
      if (minor == 0) return;
      c.fail_value(fmt::format("{} is not positive definite: its leading minor of order {} is not positive",
                               matrix_name(c, 0, i), minor));
    });
  });
}

void rule(RuleContext& c) {
  const bool upper = c.attrs<CholeskyAttrs>().upper;
  const Tensor l = c.output(), g = c.grad();
  const Tensor p = mirrored_lower(upper ? matmul(l, g, {.trans_b = true}) : matmul(l, g, {.trans_a = true}));
  // L^-T p, then its product with L^-1 from the right; where `upper` L is U^T.
  const Tensor half = apply_solve_triangular(l, p, {.upper = upper, .left = true, .transpose = !upper});
  const Tensor whole = apply_solve_triangular(l, half, {.upper = upper, .left = false, .transpose = upper});
  // Symmetric but for rounding.
  c.set(0, mul(add(whole, matrix_transpose(whole)), 0.25));
}

void samples(SampleSink& s) {
  s.add({sample_positive_definite(s, {3, 3})}, CholeskyAttrs{});
  s.add({sample_positive_definite(s, {3, 3})}, CholeskyAttrs{true});
  s.add({sample_positive_definite(s, {2, 1, 2, 2})}, CholeskyAttrs{}, {.note = "a batch"});
  s.add({sample_positive_definite(s, {2, 4, 4})}, CholeskyAttrs{true}, {.note = "a batch, upper"});
  s.add({SampleSink::f64({1, 1}, {4})}, CholeskyAttrs{}, {.note = "size 1"});
  s.add({s.values({0, 0})}, CholeskyAttrs{}, {.note = "of nothing"});
  s.add({s.values({0, 2, 2})}, CholeskyAttrs{}, {.note = "no matrices"});
  sample_square_errors(s, "linalg_cholesky", CholeskyAttrs{});
  s.add_error({SampleSink::f64({2, 2}, {1, 2, 2, 1})}, CholeskyAttrs{},
              "linalg_cholesky: a [2, 2] f64 is not positive definite: its leading minor of order 2 is not "
              "positive");
  s.add_error({SampleSink::f64({2, 1, 1}, {1, -1})}, CholeskyAttrs{true},
              "linalg_cholesky: matrix [1] of a [2, 1, 1] f64 is not positive definite: its leading minor of "
              "order 1 is not positive");
  s.add_error({SampleSink::f64({2, 2}, {1, 0.5, 0, 1})}, CholeskyAttrs{},
              "linalg_cholesky: a [2, 2] f64 is not symmetric: [0, 1] is 0.5, [1, 0] is 0; symmetrise it "
              "first");
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(CholeskyAttrs, upper, "false")};

}  // namespace

extern constinit const OpDef op_linalg_cholesky = {
    .name = "linalg_cholesky",
    .doc = "the triangular factor L of a symmetric positive definite matrix, or U = L^T",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "a = L L^T",
};

namespace linalg {
Tensor cholesky(Operand a, bool upper) { return apply(op_linalg_cholesky, {a}, CholeskyAttrs{upper}); }
}  // namespace linalg

}  // namespace gradus
