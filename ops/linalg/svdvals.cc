// svdvals: the singular values in falling order, without the vectors.
// Derivative: u diag(g) vh from the whole decomposition, which is made only then. M. Seeger et al.,
// "Auto-differentiating linear algebra", arXiv:1710.08717 (2017).
#include <cmath>

#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

std::size_t scratch_of(std::int64_t m, std::int64_t n, DType dtype) {
  return room(m * n, dtype) + kernels::svd_work(m, n, kernels::Vectors::none, dtype);
}

void infer(InferContext& c) {
  require_matrices(c, 0);
  require_svd_fits(c, 0);
  Shape s = c.shape(0);
  const int last = s.rank() - 1;
  const std::int64_t m = s[last - 1], n = s[last];
  s.pop_back();
  s[last - 1] = std::min(m, n);
  c.set_out(0, c.dtype(0), s);
  s.pop_back();
  c.set_scratch(slot_bytes(scratch_of(m, n, c.dtype(0))) * static_cast<std::size_t>(slots_of(s.numel())));
}

void kernel(KernelContext& c) {
  if (c.out[0].numel == 0) return;
  const Matrices a(c.in[0]);
  const std::int64_t m = a.rows(), n = a.cols(), k = std::min(m, n);
  const DType dtype = c.in[0].dtype;
  const std::size_t bytes = scratch_of(m, n, dtype);
  with_floating(dtype, [&]<class T>(T) {
    for_each_matrix(a.count(), m * n * k, [&](std::int64_t i, std::int64_t slot) {
      std::byte* memory = slot_at(c, bytes, slot);
      T* copy = reinterpret_cast<T*>(memory);
      a.load(i, copy);
      require_finite_matrix(c, i, copy, m, n);
      if (!kernels::svd<T>(m, n, kernels::Vectors::none, copy, c.out[0].as<T>() + i * k, nullptr, nullptr,
                           memory + room(m * n, dtype))) {
        c.fail_value("the singular values of " + matrix_name(c, 0, i) + " do not converge");
      }
    });
  });
}

void rule(RuleContext& c) {
  const Tensor a = c.input(0);
  if (a.numel() == 0) return c.set(0, zero_gradient(c, 0));
  const linalg::Svd parts = linalg::svd(a, false);
  c.set(0, matmul(mul(parts.u, unsqueeze(c.grad(), -2)), parts.vh));
}

void samples(SampleSink& s) {
  s.add({sample_separated(s, {3, 3})});
  s.add({sample_separated(s, {4, 2})}, {}, {.note = "tall"});
  s.add({sample_separated(s, {2, 4})}, {}, {.note = "wide"});
  s.add({sample_separated(s, {2, 1, 2, 2})}, {}, {.note = "a batch"});
  s.add({SampleSink::f64({1, 1}, {-4})}, {}, {.note = "size 1"});
  s.add({s.values({0, 0})}, {}, {.note = "of nothing"});
  s.add({s.values({2, 0, 3})}, {}, {.note = "no rows"});
  s.add({s.values({0, 2, 3})}, {}, {.note = "no matrices"});
  s.add_error({s.values({3})}, "linalg_svdvals: takes matrices, at least two axes: a [3] f64");
  s.add_error(
      {SampleSink::i64({1, 1}, {1})},
      "linalg_svdvals: takes floating-point numbers: a [1, 1] i64; convert it with astype(x, DType::f32)");
  s.add_error({SampleSink::f64({1, 2}, {1, HUGE_VAL})},
              "linalg_svdvals: an element is not finite: [0, 1] is inf in a [1, 2] f64");
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_linalg_svdvals = {
    .name = "linalg_svdvals",
    .doc = "the singular values in falling order",
    .inputs = kInputs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "s of a = u diag(s) vh",
};

namespace linalg {
Tensor svdvals(Operand a) { return apply(op_linalg_svdvals, {a}); }
}  // namespace linalg

}  // namespace gradus
