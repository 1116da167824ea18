// solve_triangular: x of op(a) x = b, or of x op(a) = b where not `left`; a is triangular, op transposes
// where `transpose`, which only derivatives do. The other half of a is not read, nor its diagonal where
// `unitriangular`.
// Derivative: the cotangent solves the transposed system, h; then -h x^T (op(a) = a, left) or one of its
// transpositions is the gradient of a, in the half that is read. M. B. Giles, "Collected matrix derivative
// results for forward and reverse mode algorithmic differentiation" (2008), section 2.3.1.
#include "gradus/base/format.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& attrs = c.attrs<SolveTriangularAttrs>();
  require_square(c, 0);
  require_matrices(c, 1);
  c.require_same_dtype();
  const std::int64_t n = c.dim(0, c.rank(0) - 1);
  const std::int64_t rows = c.dim(1, c.rank(1) - 2), cols = c.dim(1, c.rank(1) - 1);
  if (n != (attrs.left ? rows : cols)) {
    c.shape_error(fmt::format("sizes differ: {} has {} rows, {} has {} {}", c.describe(0), n, c.describe(1),
                              attrs.left ? rows : cols, attrs.left ? "rows" : "columns"));
  }
  set_out_matrices(c, 0, 1, rows, cols);
  c.set_scratch(pack_room(c.impl(0)));
}

void kernel(KernelContext& c) {
  const auto& attrs = c.attrs<SolveTriangularAttrs>();
  const View& out = c.out[0];
  if (out.numel == 0) return;
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const Matrices a(pack(c.in[0], &scratch), out), x(out);
  kernels::copy(c.in[1], out);
  const std::int64_t n = a.rows(), rows = x.rows(), cols = x.cols();
  with_floating(out.dtype, [&]<class T>(T) {
    for_each_matrix(x.count(), n * rows * cols, [&](std::int64_t i, std::int64_t) {
      const T* m = static_cast<const T*>(a.at(i));
      for (std::int64_t k = 0; !attrs.unitriangular && k < n; ++k) {
        if (m[k * n + k] != T{0}) continue;
        c.fail_value(
            fmt::format("{} is singular: element {} of its diagonal is 0", matrix_name(c, 0, i, out), k));
      }
      kernels::solve_triangular({attrs.upper, attrs.left, attrs.unitriangular, attrs.transpose}, rows, cols,
                                m, out.as<T>() + i * rows * cols);
    });
  });
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<SolveTriangularAttrs>();
  SolveTriangularAttrs back = attrs;
  back.transpose = !attrs.transpose;
  const Tensor h = apply_solve_triangular(c.input(0), c.grad(), back);
  if (c.needs(1)) c.set(1, h);
  if (!c.needs(0)) return;
  const Tensor x = c.output();
  // By op(a), then by a.
  Tensor g;
  if (attrs.left)
    g = attrs.transpose ? matmul(x, h, {.trans_b = true}) : matmul(h, x, {.trans_b = true});
  else
    g = attrs.transpose ? matmul(h, x, {.trans_a = true}) : matmul(x, h, {.trans_a = true});
  const std::int64_t off = attrs.unitriangular ? 1 : 0;
  c.set(0, neg(attrs.upper ? triu(g, off) : tril(g, -off)));
}

void samples(SampleSink& s) {
  using A = SolveTriangularAttrs;
  for (int k = 0; k < 16; ++k) {
    const A attrs{(k & 1) != 0, (k & 2) != 0, (k & 4) != 0, (k & 8) != 0};
    s.add({sample_separated(s, {3, 3}), s.values(attrs.left ? Shape{3, 2} : Shape{2, 3})}, attrs);
    s.add({sample_separated(s, {2, 2, 2}), s.values(attrs.left ? Shape{2, 2, 1} : Shape{2, 1, 2})}, attrs,
          {.note = "a batch of vectors"});
  }
  s.add({sample_separated(s, {2, 1, 2, 2}), s.values({3, 2, 2})}, A{}, {.note = "broadcast batches"});
  s.add({sample_separated(s, {2, 2}), s.values({2, 2, 3})}, A{true}, {.note = "one matrix for all"});
  s.add({sample_separated(s, {1, 1}), s.values({1, 1})}, A{}, {.note = "size 1"});
  s.add({s.values({0, 0}), s.values({0, 2})}, A{}, {.note = "of nothing"});
  s.add({sample_separated(s, {2, 2}), s.values({2, 0})}, A{}, {.note = "nothing to solve"});
  s.add({s.values({0, 2, 2}), s.values({2, 2})}, A{}, {.note = "no matrices"});
  s.add_error({s.values({3}), s.values({3, 1})}, A{},
              "linalg_solve_triangular: takes matrices, at least two axes: a [3] f64");
  s.add_error({s.values({3, 3}), s.values({3})}, A{},
              "linalg_solve_triangular: takes matrices, at least two axes: b [3] f64");
  s.add_error({s.values({3, 2}), s.values({3, 1})}, A{},
              "linalg_solve_triangular: takes square matrices: a [3, 2] f64");
  s.add_error({s.values({3, 3}), s.values({2, 3})}, A{},
              "linalg_solve_triangular: sizes differ: a [3, 3] f64 has 3 rows, b [2, 3] f64 has 2 rows");
  s.add_error({s.values({3, 3}), s.values({3, 2})}, A{false, false},
              "linalg_solve_triangular: sizes differ: a [3, 3] f64 has 3 rows, b [3, 2] f64 has 2 columns");
  s.add_error({s.values({2, 1, 1}), s.values({3, 1, 1})}, A{},
              "linalg_solve_triangular: batches do not broadcast: a [2, 1, 1] f64, b [3, 1, 1] f64: 2 and 3 "
              "at axis 3 from the end; sizes must be equal or 1");
  s.add_error(
      {s.values({1, 1}), SampleSink::i64({1, 1}, {1})}, A{},
      "linalg_solve_triangular: takes floating-point numbers: b [1, 1] i64; convert it with astype(x, "
      "DType::f32)");
  s.add_error({SampleSink::f64({2, 2}, {1, 2, 3, 0}), s.values({2, 1})}, A{true},
              "linalg_solve_triangular: a [2, 2] f64 is singular: element 1 of its diagonal is 0");
  s.add_error({SampleSink::f64({2, 1, 1}, {1, 0}), s.values({3, 1, 1, 1})}, A{},
              "linalg_solve_triangular: matrix [0, 1] of a [2, 1, 1] f64 is singular: element 0 of its "
              "diagonal is 0");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | out(0), in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SolveTriangularAttrs, upper, nullptr),
                              GRADUS_ATTR(SolveTriangularAttrs, left, "true"),
                              GRADUS_ATTR(SolveTriangularAttrs, unitriangular, "false"),
                              GRADUS_ATTR(SolveTriangularAttrs, transpose, "false")};

}  // namespace

extern constinit const OpDef op_linalg_solve_triangular = {
    .name = "linalg_solve_triangular",
    .doc = "the solution of a system with a triangular matrix",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "a x = b",
};

Tensor apply_solve_triangular(const Tensor& a, const Tensor& b, SolveTriangularAttrs attrs) {
  return apply(op_linalg_solve_triangular, {a, b}, attrs);
}

namespace linalg {

Tensor solve_triangular(Operand a, Operand b, bool upper, SolveTriangularOptions options) {
  return apply(op_linalg_solve_triangular, {a, b},
               SolveTriangularAttrs{upper, options.left, options.unitriangular, false});
}

Tensor cholesky_solve(Operand b, Operand l, bool upper) {
  const Tensor factor = held(l);
  const At at{b.where};
  const auto solve = [&](Operand right, bool transpose) {
    return apply(op_linalg_solve_triangular, {at(factor), right},
                 SolveTriangularAttrs{.upper = upper, .transpose = transpose});
  };
  return solve(at(solve(b, upper)), !upper);
}

}  // namespace linalg
}  // namespace gradus
