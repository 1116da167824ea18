// lu_solve: x of A x = b (A^T x = b where `adjoint`) from the factors of A = P L U.
// Derivative: the cotangent solves the other system, h; the gradient of A would be G = -h x^T (adjoint:
// -x h^T), that of L is P^T G U^T below the diagonal, that of U is L^T P^T G on and above it.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/lu.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_square(c, 0);
  require_matrices(c, 2);
  if (c.dtype(1) != DType::i32) {
    c.dtype_error(fmt::format("pivots are i32 as lu_factor() gives them: {}", c.describe(1)));
  }
  if (c.dtype(0) != c.dtype(2)) {
    c.dtype_error(
        fmt::format("dtypes differ: {}, {}; convert one with astype()", c.describe(0), c.describe(2)));
  }
  Shape list = c.shape(0);
  list.pop_back();
  if (!(c.shape(1) == list)) {
    c.shape_error(
        fmt::format("{} needs pivots {}, has {}", c.describe(0), format_shape(list), c.describe(1)));
  }
  const std::int64_t n = list[list.rank() - 1], rows = c.dim(2, c.rank(2) - 2);
  if (n != rows) {
    c.shape_error(
        fmt::format("sizes differ: {} has {} rows, {} has {} rows", c.describe(0), n, c.describe(2), rows));
  }
  set_out_matrices(c, 0, 2, rows, c.dim(2, c.rank(2) - 1));
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)));
}

void kernel(KernelContext& c) {
  const bool adjoint = c.attrs<LuSolveAttrs>().adjoint;
  const View& out = c.out[0];
  if (out.numel == 0) return;
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View factors = pack(c.in[0], &scratch), swaps = pack(c.in[1], &scratch);
  const Matrices lu(factors, out), x(out);
  kernels::copy(c.in[2], out);
  const std::int64_t n = x.rows(), cols = x.cols();
  with_floating(out.dtype, [&]<class T>(T) {
    for_each_matrix(x.count(), n * n * cols, [&](std::int64_t i, std::int64_t) {
      const T* m = static_cast<const T*>(lu.at(i));
      const std::int32_t* pivots = swaps.as<const std::int32_t>() + (m - factors.as<const T>()) / n;
      for (std::int64_t k = 0; k < n; ++k) {
        if (pivots[k] < k + 1 || pivots[k] > n) {
          c.fail_value(fmt::format("pivot {} is out of range: it is {}, allowed are {}..{} in {}", k,
                                   pivots[k], k + 1, n, matrix_name(c, 0, i, out)));
        }
        if (m[k * n + k] == T{0}) {
          c.fail_value(
              fmt::format("{} is singular: element {} of its diagonal is 0", matrix_name(c, 0, i, out), k));
        }
      }
      kernels::lu_solve(n, cols, m, pivots, adjoint, out.as<T>() + i * n * cols);
    });
  });
}

void rule(RuleContext& c) {
  const LuSolveAttrs attrs = c.attrs<LuSolveAttrs>();
  const Tensor lu = c.input(0), pivots = c.input(1);
  const Tensor h = apply(op_linalg_lu_solve, {lu, pivots, c.grad()}, LuSolveAttrs{!attrs.adjoint});
  if (c.needs(2)) c.set(2, h);
  if (!c.needs(0)) return;
  const Tensor x = c.output();
  const Tensor g = neg(attrs.adjoint ? matmul(x, h, {.trans_b = true}) : matmul(h, x, {.trans_b = true}));
  const Tensor rows = reorder_rows(g, row_order(pivots, false));
  const Tensor below = tril(matmul(rows, triu(lu), {.trans_b = true}), -1);
  const Tensor above = triu(matmul(unit_lower(lu), rows, {.trans_a = true}));
  c.set(0, add(below, above));
}

Tensor i32(const Shape& shape, std::initializer_list<std::int32_t> v) {
  Tensor t = empty(shape, DType::i32);
  std::copy(v.begin(), v.end(), t.mutable_span<std::int32_t>().begin());
  return t;
}

void samples(SampleSink& s) {
  for (const bool adjoint : {false, true}) {
    const LuSolveAttrs attrs{adjoint};
    s.add({sample_separated(s, {3, 3}), i32({3}, {2, 3, 3}), s.values({3, 2})}, attrs);
    s.add({sample_separated(s, {2, 3, 3}), i32({2, 3}, {1, 2, 3, 3, 3, 3}), s.values({2, 3, 1})}, attrs,
          {.note = "a batch of vectors"});
    s.add({sample_separated(s, {2, 1, 2, 2}), i32({2, 1, 2}, {2, 2, 1, 2}), s.values({3, 2, 2})}, attrs,
          {.note = "broadcast batches"});
    s.add({sample_separated(s, {2, 2}), i32({2}, {2, 2}), s.values({3, 2, 1})}, attrs,
          {.note = "one matrix for all"});
  }
  const LuSolveAttrs plain{};
  s.add({sample_separated(s, {1, 1}), i32({1}, {1}), s.values({1, 1})}, plain, {.note = "size 1"});
  s.add({s.values({0, 0}), i32({0}, {}), s.values({0, 2})}, plain, {.note = "of nothing"});
  s.add({s.values({0, 2, 2}), i32({0, 2}, {}), s.values({2, 2})}, plain, {.note = "no matrices"});
  const Tensor one = sample_separated(s, {2, 2});
  s.add_error({s.values({2, 3}), i32({2}, {1, 2}), s.values({2, 1})}, plain,
              "linalg_lu_solve: takes square matrices: lu [2, 3] f64");
  s.add_error({one, i32({2}, {1, 2}), s.values({3, 1})}, plain,
              "linalg_lu_solve: sizes differ: lu [2, 2] f64 has 2 rows, b [3, 1] f64 has 3 rows");
  s.add_error({one, i32({3}, {1, 2, 3}), s.values({2, 1})}, plain,
              "linalg_lu_solve: lu [2, 2] f64 needs pivots [2], has pivots [3] i32");
  s.add_error({one, SampleSink::i64({2}, {1, 2}), s.values({2, 1})}, plain,
              "linalg_lu_solve: pivots are i32 as lu_factor() gives them: pivots [2] i64");
  s.add_error({one, i32({2}, {1, 2}), SampleSink::i64({2, 1}, {1, 2})}, plain,
              "linalg_lu_solve: takes floating-point numbers: b [2, 1] i64; convert it with astype(x, "
              "DType::f32)");
  s.add_error({one, i32({2}, {1, 3}), s.values({2, 1})}, plain,
              "linalg_lu_solve: pivot 1 is out of range: it is 3, allowed are 2..2 in lu [2, 2] f64");
  s.add_error({SampleSink::f64({2, 1, 1}, {1, 0}), i32({2, 1}, {1, 1}), s.values({1, 1})}, plain,
              "linalg_lu_solve: matrix [1] of lu [2, 1, 1] f64 is singular: element 0 of its diagonal is 0");
}

constexpr const char* kInputs[] = {"lu", "pivots", "b"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | out(0), 0, in(0) | in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LuSolveAttrs, adjoint, "false")};

}  // namespace

extern constinit const OpDef op_linalg_lu_solve = {
    .name = "linalg_lu_solve",
    .doc = "the solution of a system from the LU factors of its matrix",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "P L U x = b",
};

namespace linalg {

Tensor lu_solve(Operand lu, Operand pivots, Operand b, LuSolveOptions options) {
  if (options.left) return apply(op_linalg_lu_solve, {lu, pivots, b}, LuSolveAttrs{options.adjoint});
  // x A = b is A^T x^T = b^T.
  const At at{lu.where};
  const Tensor right = held(b);
  if (right.rank() < 2) {
    throw_error<ShapeError>(lu.where, "linalg_lu_solve", "takes matrices, at least two axes: b {}",
                            describe(right));
  }
  return transpose(at(apply(op_linalg_lu_solve, {lu, pivots, at(transpose(at(right), -2, -1))},
                            LuSolveAttrs{!options.adjoint})),
                   -2, -1);
}

}  // namespace linalg
}  // namespace gradus
