// eigvalsh: the eigenvalues of a symmetric matrix in rising order, without the vectors.
// Derivative: v diag(g) v^T from the whole decomposition, which is made only then. M. Seeger et al.,
// "Auto-differentiating linear algebra", arXiv:1710.08717 (2017).
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/symmetric.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// Scratch memory of one slot: the matrix, which LAPACK destroys, and its workspace.
std::size_t scratch_of(std::int64_t n, DType dtype) {
  return room(n * n, dtype) + kernels::eigh_work(n, false, dtype);
}

void infer(InferContext& c) {
  require_square(c, 0);
  require_eigh_fits(c, 0);
  const std::int64_t n = c.dim(0, c.rank(0) - 1);
  c.set_out(0, c.dtype(0), c.dims(0), c.rank(0) - 1);
  if (c.numel(0) == 0) return;
  c.set_scratch(slot_bytes(scratch_of(n, c.dtype(0))) *
                static_cast<std::size_t>(slots_of(c.numel(0) / (n * n))));
}

void kernel(KernelContext& c) {
  if (c.in[0].numel == 0) return;
  const SymmetricHalf half = half_of(c.attrs<EighAttrs>().uplo);
  const Matrices a(c.in[0]);
  const std::int64_t n = a.rows();
  const DType dtype = c.in[0].dtype;
  const std::size_t bytes = scratch_of(n, dtype);
  with_floating(dtype, [&]<class T>(T) {
    for_each_matrix(a.count(), n * n * n, [&](std::int64_t i, std::int64_t slot) {
      std::byte* memory = slot_at(c, bytes, slot);
      T* copy = reinterpret_cast<T*>(memory);
      load_symmetric(c, a, i, half, copy);
      require_finite_matrix(c, i, copy, n, n);
      if (!kernels::eigh(n, false, copy, c.out[0].as<T>() + i * n, memory + room(n * n, dtype))) {
        c.fail_value("the eigenvalues of " + matrix_name(c, 0, i) + " do not converge");
      }
    });
  });
}

void rule(RuleContext& c) {
  const Tensor a = c.input(0);
  if (a.numel() == 0) return c.set(0, zero_gradient(c, 0));
  const char* uplo = c.attrs<EighAttrs>().uplo;
  const Tensor v = linalg::eigh(a, uplo).eigenvectors;
  const Tensor g = matmul(mul(v, unsqueeze(c.grad(), -2)), v, {.trans_b = true});
  c.set(0, gradient_of_half(mul(add(g, matrix_transpose(g)), 0.5), uplo));
}

void samples(SampleSink& s) { sample_eigh(s, "linalg_eigvalsh"); }

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(EighAttrs, uplo, "\"\"")};

}  // namespace

extern constinit const OpDef op_linalg_eigvalsh = {
    .name = "linalg_eigvalsh",
    .doc = "the eigenvalues of a symmetric matrix in rising order",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "w of a = v diag(w) v^T",
};

namespace linalg {
Tensor eigvalsh(Operand a, std::string_view uplo) {
  return apply(op_linalg_eigvalsh, {a}, EighAttrs{uplo_of(uplo, "linalg_eigvalsh", a.where)});
}
}  // namespace linalg

}  // namespace gradus
