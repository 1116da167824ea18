// eigh: a = v diag(w) v^T of a symmetric a, w in rising order, by divide and conquer (LAPACK's syevd). The
// sign of a vector is free; here its element that is largest in absolute value is positive. Without uplo both
// halves of a are read, must be equal and get the gradient in equal shares, as in PyTorch; with "L" or "U"
// that half alone is read, and gets it alone.
// Derivative: v (diag(gw) + (M - M^T) / (2 E)) v^T with M = v^T gv, E[i, j] = w[j] - w[i]. M. Seeger et al.,
// "Auto-differentiating linear algebra", arXiv:1710.08717 (2017). Equal eigenvalues have no derivative of
// their vectors: it is infinite or NaN there, unless nothing arrives for them.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/linalg/symmetric.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus {

const char* uplo_of(std::string_view uplo, const char* op, Location where) {
  for (const char* known : {"", "L", "U"}) {
    if (uplo == known) return known;
  }
  throw_error<ValueError>(where, op, "uplo is \"{}\"; it must be \"L\", \"U\" or empty", uplo);
}

SymmetricHalf half_of(const char* uplo) {
  return uplo[0] == 'L' ? SymmetricHalf::lower : uplo[0] == 'U' ? SymmetricHalf::upper : SymmetricHalf::both;
}

Tensor gradient_of_half(const Tensor& g, const char* uplo) {
  switch (half_of(uplo)) {
    case SymmetricHalf::lower:
      return add(tril(g), tril(g, -1));
    case SymmetricHalf::upper:
      return add(triu(g), triu(g, 1));
    default:
      return g;
  }
}

namespace {

void infer(InferContext& c) {
  require_square(c, 0);
  require_eigh_fits(c, 0);
  const std::int64_t n = c.dim(0, c.rank(0) - 1);
  c.set_out(0, c.dtype(0), c.dims(0), c.rank(0) - 1);
  c.set_out_like(1, 0);
  if (c.numel(0) == 0) return;
  c.set_scratch(slot_bytes(kernels::eigh_work(n, true, c.dtype(0))) *
                static_cast<std::size_t>(slots_of(c.numel(0) / (n * n))));
}

void kernel(KernelContext& c) {
  if (c.in[0].numel == 0) return;
  const SymmetricHalf half = half_of(c.attrs<EighAttrs>().uplo);
  const Matrices a(c.in[0]);
  const std::int64_t n = a.rows();
  const std::size_t bytes = kernels::eigh_work(n, true, c.in[0].dtype);
  with_floating(c.in[0].dtype, [&]<class T>(T) {
    for_each_matrix(a.count(), n * n * n, [&](std::int64_t i, std::int64_t slot) {
      T* v = c.out[1].as<T>() + i * n * n;
      load_symmetric(c, a, i, half, v);
      require_finite_matrix(c, i, v, n, n);
      if (!kernels::eigh(n, true, v, c.out[0].as<T>() + i * n, slot_at(c, bytes, slot))) {
        c.fail_value("the eigenvalues of " + matrix_name(c, 0, i) + " do not converge");
      }
    });
  });
}

void rule(RuleContext& c) {
  const Shape shape = c.input_shape(0);
  if (shape.numel() == 0) return c.set(0, zero_gradient(c, 0));
  const Tensor w = c.output(0), v = c.output(1);
  Tensor inner = diag_embed(c.grad(0));
  if (c.has_grad(1)) {
    const Tensor m = matmul(v, c.grad(1), {.trans_a = true});
    // Ones on the diagonal, above which nothing stands.
    const Tensor e =
        add(sub(unsqueeze(w, -2), unsqueeze(w, -1)), eye(shape[shape.rank() - 1], {.dtype = w.dtype()}));
    inner = add(inner, zdiv(mul(sub(m, matrix_transpose(m)), 0.5), e));
  }
  const Tensor g = matmul(matmul(v, inner), v, {.trans_b = true});
  // Symmetric but for rounding.
  c.set(0, gradient_of_half(mul(add(g, matrix_transpose(g)), 0.5), c.attrs<EighAttrs>().uplo));
}

void samples(SampleSink& s) { sample_eigh(s, "linalg_eigh"); }

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {out(0) | out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(EighAttrs, uplo, "\"\"")};

}  // namespace

void sample_eigh(SampleSink& s, const char* op) {
  const std::string name = op;
  for (const char* uplo : {"", "L", "U"}) {
    const EighAttrs attrs{uplo};
    s.add({sample_symmetric(s, {3, 3})}, attrs);
    s.add({sample_symmetric(s, {2, 1, 2, 2})}, attrs, {.note = "a batch"});
    s.add({SampleSink::f64({1, 1}, {-4})}, attrs, {.note = "size 1"});
  }
  s.add({SampleSink::f64({2, 2}, {1, NAN, 0.5, 3})}, EighAttrs{"L"},
        {.gradcheck = false, .note = "the other half is not read"});
  s.add({SampleSink::f64({2, 2}, {1, 0.5, NAN, 3})}, EighAttrs{"U"},
        {.gradcheck = false, .note = "the other half is not read"});
  s.add({sample_symmetric(s, {18, 2, 2})}, EighAttrs{}, {.note = "more matrices than slots"});
  s.add({s.values({0, 0})}, EighAttrs{}, {.note = "of nothing"});
  s.add({s.values({0, 2, 2})}, EighAttrs{}, {.note = "no matrices"});
  sample_square_errors(s, op, EighAttrs{});
  s.add_error({SampleSink::f64({2, 2}, {1, 2, 3, 1})}, EighAttrs{},
              name + ": a [2, 2] f64 is not symmetric: [0, 1] is 2, [1, 0] is 3; symmetrise it first");
  s.add_error({SampleSink::f64({2, 1, 1}, {1, HUGE_VAL})}, EighAttrs{},
              name + ": an element is not finite: [0, 0] is inf in matrix [1] of a [2, 1, 1] f64");
}

extern constinit const OpDef op_linalg_eigh = {
    .name = "linalg_eigh",
    .doc = "eigenvalues, in rising order, and eigenvectors of a symmetric matrix",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "a = v diag(w) v^T",
};

namespace linalg {
Eigh eigh(Operand a, std::string_view uplo) {
  Tensor outs[2];
  const EighAttrs attrs{uplo_of(uplo, "linalg_eigh", a.where)};
  apply(op_linalg_eigh, std::span(&a, 1), &attrs, outs);
  return {std::move(outs[0]), std::move(outs[1])};
}
}  // namespace linalg

}  // namespace gradus
