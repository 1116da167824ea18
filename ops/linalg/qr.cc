// qr: a = q r with orthonormal columns in q and r upper triangular, by Householder reflections. The signs are
// LAPACK's: each reflection makes the diagonal's sign the opposite of what it finds there.
// Derivative, for m >= n: with M = r gr^T - gq^T q and C its lower half mirrored into the upper one, the
// gradient of a is (gq + q C) r^-T. For m < n, with the first m columns apart, r = [U, V]: the rest of the
// gradient is q gV, and the first columns are those of a square matrix with the cotangents gU and
// gq + Y gV^T, Y = q V. S. F. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions
// with application in optimum experimental design", arXiv:1001.1654 (2010).
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/join.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/linalg/parts.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

bool is_mode(const char* mode, char first) { return mode[0] == first && (first != 'r' || mode[1] == 'e'); }

// Scratch memory of one slot: the reflections and LAPACK's workspace.
std::size_t scratch_of(std::int64_t m, std::int64_t n, DType dtype) {
  return room(m * n, dtype) + kernels::qr_work(m, n, dtype);
}

void infer(InferContext& c) {
  require_matrices(c, 0);
  const char* mode = c.attrs<QrAttrs>().mode;
  const std::int64_t m = c.dim(0, c.rank(0) - 2), n = c.dim(0, c.rank(0) - 1);
  const std::int64_t k = std::min(m, n);
  const bool complete = is_mode(mode, 'c');
  Shape q = c.shape(0), r = q;
  const int last = q.rank() - 1;
  q[last] = complete ? m : k;
  r[last - 1] = complete ? m : k;
  if (!complete && !is_mode(mode, 'r')) q = {0};
  c.set_out(0, c.dtype(0), q);
  c.set_out(1, c.dtype(0), r);
  std::int64_t count = 1;
  for (int i = 0; i + 2 < c.rank(0); ++i) count *= c.dim(0, i);
  c.set_scratch(slot_bytes(scratch_of(m, n, c.dtype(0))) * static_cast<std::size_t>(slots_of(count)));
}

void kernel(KernelContext& c) {
  const Matrices a(c.in[0]);
  const std::int64_t m = a.rows(), n = a.cols();
  const View &q = c.out[0], &r = c.out[1];
  const bool with_q = q.rank == c.in[0].rank;
  const std::int64_t q_columns = with_q ? q.dims[q.rank - 1] : 0, r_rows = r.dims[r.rank - 2];
  const std::size_t bytes = scratch_of(m, n, r.dtype);
  with_floating(r.dtype, [&]<class T>(T) {
    for_each_matrix(a.count(), m * n * std::min(m, n), [&](std::int64_t i, std::int64_t slot) {
      std::byte* memory = slot_at(c, bytes, slot);
      T* copy = reinterpret_cast<T*>(memory);
      a.load(i, copy);
      kernels::qr(m, n, copy, q_columns, with_q ? q.as<T>() + i * m * q_columns : nullptr, r_rows,
                  r.as<T>() + i * r_rows * n, memory + room(m * n, r.dtype));
    });
  });
}

Tensor times_inverse(const Tensor& x, const Tensor& r) {
  return apply_solve_triangular(r, x, {.upper = true, .left = false, .transpose = true});
}

// For m >= n; gq may be missing.
Tensor tall(const Tensor& q, const Tensor& r, const Tensor& gq, const Tensor& gr) {
  Tensor m = matmul(r, gr, {.trans_b = true});
  if (gq.defined()) m = sub(m, matmul(gq, q, {.trans_a = true}));
  const Tensor inner = matmul(q, mirrored_lower(m));
  return times_inverse(gq.defined() ? add(gq, inner) : inner, r);
}

void rule(RuleContext& c) {
  const char* mode = c.attrs<QrAttrs>().mode;
  const bool with_q = is_mode(mode, 'r') || is_mode(mode, 'c');
  Tensor q = c.output(0), r = c.output(1), gr = c.grad(1), gq;
  const Shape shape = c.input_shape(0);
  const std::int64_t m = shape[shape.rank() - 2], n = shape[shape.rank() - 1];
  if (shape.numel() == 0) return c.set(0, zero_gradient(c, 0));
  if (!with_q) {
    std::tie(q, r) = [&] {
      linalg::Qr both = linalg::qr(c.input(0));
      return std::pair(both.q, both.r);
    }();
  } else if (c.has_grad(0)) {
    gq = c.grad(0);
  }
  if (is_mode(mode, 'c') && m > n) {
    if (gq.defined()) {
      require_zero(
          slice(gq, -1, n), "linalg_qr",
          fmt::format("the columns of q beyond {} have no derivative (they are any that complete the "
                      "basis), but a gradient for them arrived; take the mode \"reduced\"",
                      n));
      gq = slice(gq, -1, 0, n);
    }
    q = slice(q, -1, 0, n);
    r = slice(r, -2, 0, n);
    gr = slice(gr, -2, 0, n);
  }
  if (m >= n) return c.set(0, tall(q, r, gq, gr));
  const Tensor gv = slice(gr, -1, m), y = matmul(q, slice(r, -1, m));
  const Tensor through_y = matmul(y, gv, {.trans_b = true});
  const Tensor first =
      tall(q, slice(r, -1, 0, m), gq.defined() ? add(gq, through_y) : through_y, slice(gr, -1, 0, m));
  c.set(0, concat({first, matmul(q, gv)}, -1));
}

void samples(SampleSink& s) {
  const QrAttrs reduced{}, complete{"complete"}, only_r{"r"};
  for (const QrAttrs& attrs : {reduced, complete, only_r}) {
    s.add({sample_separated(s, {3, 3})}, attrs);
    s.add({sample_separated(s, {2, 3})}, attrs, {.note = "wide"});
    s.add({sample_separated(s, {2, 1, 2, 4})}, attrs, {.note = "a batch of wide ones"});
    s.add({SampleSink::f64({1, 1}, {-4})}, attrs, {.note = "size 1"});
    s.add({s.values({0, 2})}, attrs, {.note = "no rows"});
    s.add({s.values({0, 3, 2})}, QrAttrs{}, {.note = "no matrices"});
  }
  for (const QrAttrs& attrs : {reduced, only_r}) {
    s.add({sample_separated(s, {4, 2})}, attrs, {.note = "tall"});
    s.add({sample_separated(s, {20, 3, 2})}, attrs, {.note = "more matrices than slots"});
    s.add({s.values({2, 0})}, attrs, {.note = "no columns"});
  }
  s.add({s.values({2, 0})}, complete, {.note = "no columns, complete: the unit matrix"});
  s.add_error({s.values({3})}, QrAttrs{}, "linalg_qr: takes matrices, at least two axes: a [3] f64");
  s.add_error({SampleSink::i64({1, 1}, {1})}, QrAttrs{},
              "linalg_qr: takes floating-point numbers: a [1, 1] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {in(0) | out(0) | out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(QrAttrs, mode, "\"reduced\"")};

}  // namespace

extern constinit const OpDef op_linalg_qr = {
    .name = "linalg_qr",
    .doc = "orthonormal columns q and upper triangular r of a matrix",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "a = q r",
};

namespace linalg {

Qr qr(Operand a, std::string_view mode) {
  for (const char* known : {"reduced", "complete", "r"}) {
    if (mode != known) continue;
    Tensor outs[2];
    const QrAttrs attrs{known};
    apply(op_linalg_qr, std::span(&a, 1), &attrs, outs);
    return {std::move(outs[0]), std::move(outs[1])};
  }
  throw_error<ValueError>(a.where, "linalg_qr",
                          "mode is \"{}\"; it must be \"reduced\", \"complete\" or \"r\"", mode);
}

}  // namespace linalg
}  // namespace gradus
