// inv: y = a^-1 by LU factorisation with partial pivoting.
// Derivative: -y^T g y^T. M. B. Giles, "Collected matrix derivative results for forward and reverse mode
// algorithmic differentiation" (2008), section 2.2.3.
#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"

namespace gradus {
namespace {

std::size_t scratch_of(std::int64_t n, DType dtype) {
  return kernels::lu_inverse_work(n, dtype) + static_cast<std::size_t>(n) * sizeof(std::int32_t);
}

void infer(InferContext& c) {
  require_square(c, 0);
  c.set_out_like(0, 0);
  const std::int64_t n = c.dim(0, c.rank(0) - 1);
  if (c.numel(0) == 0) return;
  c.set_scratch(slot_bytes(scratch_of(n, c.dtype(0))) *
                static_cast<std::size_t>(slots_of(c.numel(0) / (n * n))));
}

void kernel(KernelContext& c) {
  const View& out = c.out[0];
  if (out.numel == 0) return;
  const Matrices a(c.in[0]);
  const std::int64_t n = a.rows();
  const std::size_t room = scratch_of(n, out.dtype);
  with_floating(out.dtype, [&]<class T>(T) {
    for_each_matrix(a.count(), n * n * n, [&](std::int64_t i, std::int64_t slot) {
      T* y = out.as<T>() + i * n * n;
      std::byte* work = slot_at(c, room, slot);
      auto* pivots = reinterpret_cast<std::int32_t*>(work + kernels::lu_inverse_work(n, out.dtype));
      a.load(i, y, true);
      const std::int64_t zero = kernels::lu_factor(n, y, pivots);
      if (zero != 0) {
        c.fail_value(fmt::format("{} is singular: pivot {} of {} is 0", matrix_name(c, 0, i), zero, n));
      }
      kernels::lu_inverse(n, y, pivots, work);
      kernels::transpose_in_place(n, y);
    });
  });
}

void rule(RuleContext& c) {
  const Tensor y = c.output();
  c.set(0, neg(matmul(matmul(y, c.grad(), {.trans_a = true}), y, {.trans_b = true})));
}

void samples(SampleSink& s) {
  s.add({sample_separated(s, {3, 3})});
  s.add({SampleSink::f64({3, 3}, {0.5, 2, 1, 4, 1, -1, 1, 3, -2})}, {}, {.note = "rows are swapped"});
  s.add({sample_separated(s, {2, 1, 2, 2})}, {}, {.note = "a batch"});
  s.add({sample_separated(s, {20, 2, 2})}, {}, {.note = "more matrices than slots"});
  s.add({SampleSink::f64({1, 1}, {4})}, {}, {.note = "size 1"});
  s.add({s.values({0, 0})}, {}, {.note = "of nothing"});
  s.add({s.values({0, 2, 2})}, {}, {.note = "no matrices"});
  sample_square_errors(s, "linalg_inv", NoAttrs{});
  s.add_error({SampleSink::f64({2, 2}, {1, 2, 2, 4})},
              "linalg_inv: a [2, 2] f64 is singular: pivot 2 of 2 is 0");
  s.add_error({SampleSink::f64({2, 1, 1}, {1, 0})},
              "linalg_inv: matrix [1] of a [2, 1, 1] f64 is singular: pivot 1 of 1 is 0");
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {out(0)};

}  // namespace

extern constinit const OpDef op_linalg_inv = {
    .name = "linalg_inv",
    .doc = "the inverse of a square matrix",
    .inputs = kInputs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = a^-1",
};

namespace linalg {
Tensor inv(Operand a) { return apply(op_linalg_inv, {a}); }
}  // namespace linalg

}  // namespace gradus
