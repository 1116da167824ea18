// det: the determinant, the product of the pivots of a's LU factorisation.
// Derivative: the matrix of cofactors, det(a) a^-T where a is not singular (M. B. Giles, "Collected matrix
// derivative results for forward and reverse mode algorithmic differentiation" (2008), section 2.2.4), and
// right where it is: cofactor.cc.
#include <cmath>

#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/lu.h"
#include "gradus/ops/linalg/matrices.h"

namespace gradus {

std::size_t determinant_room(std::int64_t n, DType dtype) {
  return room(n * n, dtype) + static_cast<std::size_t>(n) * sizeof(std::int32_t);
}

void infer_determinant(InferContext& c, int outputs) {
  require_square(c, 0);
  const std::int64_t n = c.dim(0, c.rank(0) - 1);
  std::int64_t count = 1;
  for (int i = 0; i < c.rank(0) - 2; ++i) count *= c.dim(0, i);
  for (int i = 0; i < outputs; ++i) c.set_out(i, c.dtype(0), c.dims(0), c.rank(0) - 2);
  if (n != 0) {
    c.set_scratch(slot_bytes(determinant_room(n, c.dtype(0))) * static_cast<std::size_t>(slots_of(count)));
  }
}

template <class T>
const T* determinant_pivots(const KernelContext& c, const Matrices& a, std::int64_t i, std::int64_t slot,
                            bool* odd) {
  const std::int64_t n = a.rows();
  std::byte* work = slot_at(c, determinant_room(n, c.in[0].dtype), slot);
  T* lu = reinterpret_cast<T*>(work);
  auto* pivots = reinterpret_cast<std::int32_t*>(work + room(n * n, c.in[0].dtype));
  a.load(i, lu, true);
  kernels::lu_factor(n, lu, pivots);
  *odd = false;
  for (std::int64_t k = 0; k < n; ++k) *odd ^= pivots[k] != k + 1;
  return lu;
}
template const float* determinant_pivots<float>(const KernelContext&, const Matrices&, std::int64_t,
                                                std::int64_t, bool*);
template const double* determinant_pivots<double>(const KernelContext&, const Matrices&, std::int64_t,
                                                  std::int64_t, bool*);

namespace {

void infer(InferContext& c) { infer_determinant(c, 1); }

void kernel(KernelContext& c) {
  const Matrices a(c.in[0]);
  const std::int64_t n = a.rows();
  with_floating(c.in[0].dtype, [&]<class T>(T) {
    T* out = c.out[0].as<T>();
    if (n == 0) return void(std::fill_n(out, c.out[0].numel, T{1}));
    for_each_matrix(a.count(), n * n * n * 2 / 3, [&](std::int64_t i, std::int64_t slot) {
      bool odd;
      const T* lu = determinant_pivots<T>(c, a, i, slot, &odd);
      double product = odd ? -1 : 1;
      for (std::int64_t k = 0; k < n; ++k) product *= lu[k * n + k];
      out[i] = static_cast<T>(product);
    });
  });
}

void rule(RuleContext& c) { c.set(0, scale_matrices(linalg_cofactor(c.input(0)), c.grad())); }

void samples(SampleSink& s) {
  s.add({sample_separated(s, {3, 3})});
  s.add({SampleSink::f64({3, 3}, {0.5, 2, 1, 4, 1, -1, 1, 3, -2})}, {}, {.note = "rows are swapped"});
  s.add({s.values({2, 1, 4, 4})}, {}, {.note = "a batch"});
  s.add({s.values({20, 2, 2})}, {}, {.note = "more matrices than slots"});
  s.add({SampleSink::f64({2, 2}, {1, 2, 2, 4})}, {}, {.note = "rank n - 1"});
  s.add({SampleSink::f64({3, 3}, {1, 2, 3, 2, 4, 6, 1, 2, 3})}, {}, {.note = "rank n - 2"});
  s.add({SampleSink::f64({2, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 2, 0, 0, 0, 2, 0, 0, 0, 0})}, {},
        {.note = "rank n - 1: pivots that are 0 but for rounding, equal singular values"});
  s.add({SampleSink::f64({2, 2}, {0, 0, 0, 0})}, {}, {.note = "zeros"});
  s.add({SampleSink::f64({1, 1}, {4})}, {}, {.note = "size 1"});
  s.add({SampleSink::f64({1, 1}, {0})}, {}, {.note = "size 1, singular"});
  s.add({s.values({2, 0, 0})}, {}, {.note = "of nothing: 1"});
  s.add({s.values({0, 2, 2})}, {}, {.note = "no matrices"});
  sample_square_errors(s, "linalg_det", NoAttrs{});
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_linalg_det = {
    .name = "linalg_det",
    .doc = "the determinant of a square matrix",
    .inputs = kInputs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Det",
    .formula = "y = det(a)",
};

namespace linalg {
Tensor det(Operand a) { return apply(op_linalg_det, {a}); }
}  // namespace linalg

}  // namespace gradus
