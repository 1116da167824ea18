// svd: a = u diag(s) vh, s in falling order, by divide and conquer (LAPACK's gesdd). The sign of a pair of
// vectors is free; here the element of u's column that is largest in absolute value is positive.
// Derivative (J. Townsend, "Differentiating the singular value decomposition" (2016); M. Seeger et al.,
// "Auto-differentiating linear algebra", arXiv:1710.08717 (2017)): with E[i, j] = s[j]^2 - s[i]^2,
// the gradient is u (diag(gs) + K(u^T gu) S + S K(v^T gv)) v^T, K(M) = (M - M^T) / E; plus
// (1 - u u^T) gu S^-1 v^T where there are more rows than columns, and u S^-1 gv^T (1 - v v^T) where there are
// fewer. Equal singular values have no derivative of their vectors: it is infinite or NaN there, unless
// nothing arrives for them.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/linalg/parts.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

kernels::Vectors vectors_of(bool full) { return full ? kernels::Vectors::all : kernels::Vectors::reduced; }

std::size_t scratch_of(std::int64_t m, std::int64_t n, bool full, DType dtype) {
  return room(m * n, dtype) + kernels::svd_work(m, n, vectors_of(full), dtype);
}

void infer(InferContext& c) {
  require_matrices(c, 0);
  require_svd_fits(c, 0);
  const bool full = c.attrs<SvdAttrs>().full_matrices;
  Shape u = c.shape(0), vh = u, s = u;
  const int last = u.rank() - 1;
  const std::int64_t m = u[last - 1], n = u[last], k = std::min(m, n);
  u[last] = full ? m : k;
  vh[last - 1] = full ? n : k;
  s.pop_back();
  s[last - 1] = k;
  c.set_out(0, c.dtype(0), u);
  c.set_out(1, c.dtype(0), s);
  c.set_out(2, c.dtype(0), vh);
  s.pop_back();
  c.set_scratch(slot_bytes(scratch_of(m, n, full, c.dtype(0))) *
                static_cast<std::size_t>(slots_of(s.numel())));
}

void kernel(KernelContext& c) {
  const bool full = c.attrs<SvdAttrs>().full_matrices;
  const Matrices a(c.in[0]), u(c.out[0]), vh(c.out[2]);
  const std::int64_t m = a.rows(), n = a.cols(), k = std::min(m, n);
  const DType dtype = c.in[0].dtype;
  const std::size_t bytes = scratch_of(m, n, full, dtype);
  with_floating(dtype, [&]<class T>(T) {
    for_each_matrix(a.count(), m * n * k, [&](std::int64_t i, std::int64_t slot) {
      std::byte* memory = slot_at(c, bytes, slot);
      T* copy = reinterpret_cast<T*>(memory);
      a.load(i, copy);
      require_finite_matrix(c, i, copy, m, n);
      if (!kernels::svd(m, n, vectors_of(full), copy, c.out[1].as<T>() + i * k,
                        c.out[0].as<T>() + i * u.size(), c.out[2].as<T>() + i * vh.size(),
                        memory + room(m * n, dtype))) {
        c.fail_value("the singular values of " + matrix_name(c, 0, i) + " do not converge");
      }
    });
  });
}

void rule(RuleContext& c) {
  const Shape shape = c.input_shape(0);
  if (shape.numel() == 0) return c.set(0, zero_gradient(c, 0));
  const std::int64_t m = shape[shape.rank() - 2], n = shape[shape.rank() - 1], k = std::min(m, n);
  Tensor u = c.output(0), vh = c.output(2), gu, gv;
  const Tensor s = c.output(1);
  if (c.has_grad(0)) gu = c.grad(0);
  if (c.has_grad(2)) gv = matrix_transpose(c.grad(2));
  if (c.attrs<SvdAttrs>().full_matrices && m != n) {
    const char* what =
        "the columns of u or rows of vh beyond min(m, n) have no derivative (they are any that complete the "
        "basis), but a gradient for them arrived; pass full_matrices = false";
    if (gu.defined()) {
      require_zero(slice(gu, -1, k), "linalg_svd", what);
      gu = slice(gu, -1, 0, k);
    }
    if (gv.defined()) {
      require_zero(slice(gv, -1, k), "linalg_svd", what);
      gv = slice(gv, -1, 0, k);
    }
    u = slice(u, -1, 0, k);
    vh = slice(vh, -2, 0, k);
  }
  Tensor inner = c.has_grad(1) ? diag_embed(c.grad(1)) : Tensor();
  const auto add_to = [](Tensor& sum, const Tensor& more) { sum = sum.defined() ? add(sum, more) : more; };
  if (gu.defined() || gv.defined()) {
    const Tensor squares = square(s);
    // Ones on the diagonal, above which nothing stands.
    const Tensor e = add(sub(unsqueeze(squares, -2), unsqueeze(squares, -1)), eye(k, {.dtype = s.dtype()}));
    const auto turned = [&](const Tensor& q) { return zdiv(sub(q, matrix_transpose(q)), e); };
    if (gu.defined()) add_to(inner, mul(turned(matmul(u, gu, {.trans_a = true})), unsqueeze(s, -2)));
    if (gv.defined()) add_to(inner, mul(turned(matmul(vh, gv)), unsqueeze(s, -1)));
  }
  if (!inner.defined()) return c.set(0, zero_gradient(c, 0));
  Tensor left = matmul(u, inner);
  if (gu.defined() && m > n) {
    add_to(left, div(sub(gu, matmul(u, matmul(u, gu, {.trans_a = true}))), unsqueeze(s, -2)));
  }
  Tensor g = matmul(left, vh);
  if (gv.defined() && m < n) {
    const Tensor outside = sub(gv, matmul(matmul(vh, vh, {.trans_a = true}), gv));
    add_to(g, matmul(div(u, unsqueeze(s, -2)), outside, {.trans_b = true}));
  }
  c.set(0, g);
}

void samples(SampleSink& s) {
  for (const bool full : {false, true}) {
    const SvdAttrs attrs{full};
    s.add({sample_separated(s, {3, 3})}, attrs);
    s.add({sample_separated(s, {2, 1, 2, 2})}, attrs, {.note = "a batch"});
    s.add({SampleSink::f64({1, 1}, {-4})}, attrs, {.note = "size 1"});
    s.add({s.values({0, 0})}, attrs, {.note = "of nothing"});
    s.add({s.values({0, 2, 3})}, attrs, {.note = "no matrices"});
  }
  const SvdAttrs reduced{false};
  s.add({sample_separated(s, {4, 2})}, reduced, {.note = "tall"});
  s.add({sample_separated(s, {2, 4})}, reduced, {.note = "wide"});
  s.add({sample_separated(s, {18, 3, 2})}, reduced, {.note = "more matrices than slots"});
  s.add({s.values({3, 0})}, reduced, {.note = "no columns"});
  s.add({s.values({2, 0})}, SvdAttrs{true}, {.note = "no columns, full: the unit matrix"});
  s.add_error({s.values({3})}, reduced, "linalg_svd: takes matrices, at least two axes: a [3] f64");
  s.add_error(
      {SampleSink::i64({1, 1}, {1})}, reduced,
      "linalg_svd: takes floating-point numbers: a [1, 1] i64; convert it with astype(x, DType::f32)");
  s.add_error({SampleSink::f64({2, 1, 2}, {1, 2, 3, NAN})}, reduced,
              "linalg_svd: an element is not finite: [0, 1] is nan in matrix [1] of a [2, 1, 2] f64");
  s.add_error({s.values({0, 40000, 40000})}, reduced,
              "linalg_svd: too large for LAPACK, whose workspace has at most 2^31 - 1 elements: a [0, 40000, "
              "40000] f64");
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {out(0) | out(1) | out(2)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SvdAttrs, full_matrices, "true")};

}  // namespace

extern constinit const OpDef op_linalg_svd = {
    .name = "linalg_svd",
    .doc = "the singular value decomposition",
    .inputs = kInputs,
    .outputs = 3,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "a = u diag(s) vh",
};

namespace linalg {
Svd svd(Operand a, bool full_matrices) {
  Tensor outs[3];
  const SvdAttrs attrs{full_matrices};
  apply(op_linalg_svd, std::span(&a, 1), &attrs, outs);
  return {std::move(outs[0]), std::move(outs[1]), std::move(outs[2])};
}
}  // namespace linalg

}  // namespace gradus
