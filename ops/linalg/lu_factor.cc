// lu_factor: a = P L U by partial pivoting, for square a. L has ones on its diagonal; L and U share one
// matrix.
// Derivative: with the cotangents gL (below the diagonal) and gU (on and above it),
// M = lower(L^T gL) + upper(gU U^T), the gradient of a is P L^-T M U^-T. Follows from
// L^-1 P^T da U^-1 = L^-1 dL + dU U^-1, whose parts lie below, and on and above the diagonal; as in
// F. R. de Hoog, R. S. Anderssen, M. A. Lukas, "Differentiation of matrix functionals using triangular
// factorization", Math. Comp. 80 (2011).
#include <vector>

#include "gradus/base/format.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/lu.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor unit_lower(const Tensor& lu) {
  Shape diagonal = lu.shape();
  diagonal.pop_back();
  return add(tril(lu, -1), diag_embed(ones(diagonal, lu.dtype())));
}

Tensor row_order(const Tensor& pivots, bool inverse) {
  const Shape shape = pivots.shape();
  const std::int64_t n = shape[shape.rank() - 1];
  Tensor order = empty(shape, DType::i64);
  const auto swaps = pivots.to_vector<std::int32_t>();
  auto* p = order.view().as<std::int64_t>();
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  for (std::size_t first = 0; first < swaps.size(); first += rows.size()) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::swap(rows[i], rows[static_cast<std::size_t>(swaps[first + i] - 1)]);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (inverse)
        p[first + static_cast<std::size_t>(rows[i])] = static_cast<std::int64_t>(i);
      else
        p[first + i] = rows[i];
    }
  }
  return order;
}

Tensor reorder_rows(const Tensor& x, const Tensor& order) {
  return gather(x, -2, expand(unsqueeze(order, -1), x.shape()));
}

Tensor lu_gradient(const Tensor& lu, const Tensor& pivots, const Tensor& grad) {
  const Tensor below = tril(matmul(unit_lower(lu), tril(grad, -1), {.trans_a = true}), -1);
  const Tensor above = triu(matmul(triu(grad), triu(lu), {.trans_b = true}));
  const Tensor left =
      apply_solve_triangular(lu, add(below, above), {.unitriangular = true, .transpose = true});
  const Tensor both = apply_solve_triangular(lu, left, {.upper = true, .left = false, .transpose = true});
  return reorder_rows(both, row_order(pivots, true));
}

template <class T>
void lu_of(const KernelContext& c, const Matrices& a, std::int64_t i, T* lu, std::int32_t* pivots) {
  a.load(i, lu, true);
  const std::int64_t zero = kernels::lu_factor(a.rows(), lu, pivots);
  if (zero != 0) {
    c.fail_value(fmt::format("{} is singular: pivot {} of {} is 0", matrix_name(c, 0, i), zero, a.rows()));
  }
  kernels::transpose_in_place(a.rows(), lu);
}
template void lu_of<float>(const KernelContext&, const Matrices&, std::int64_t, float*, std::int32_t*);
template void lu_of<double>(const KernelContext&, const Matrices&, std::int64_t, double*, std::int32_t*);

void set_lu_outputs(InferContext& c, int first) {
  c.set_out_like(first, 0);
  c.set_out(first + 1, DType::i32, c.dims(0), c.rank(0) - 1);
}

namespace {

void infer(InferContext& c) {
  require_square(c, 0);
  set_lu_outputs(c, 0);
}

void kernel(KernelContext& c) {
  const Matrices a(c.in[0]);
  const std::int64_t n = a.rows();
  with_floating(c.in[0].dtype, [&]<class T>(T) {
    for_each_matrix(n == 0 ? 0 : a.count(), n * n * n * 2 / 3, [&](std::int64_t i, std::int64_t) {
      lu_of(c, a, i, c.out[0].as<T>() + i * n * n, c.out[1].as<std::int32_t>() + i * n);
    });
  });
}

void rule(RuleContext& c) { c.set(0, lu_gradient(c.output(0), c.output(1), c.grad(0))); }

void samples(SampleSink& s) {
  s.add({sample_separated(s, {3, 3})});
  s.add({SampleSink::f64({3, 3}, {0.5, 2, 1, 4, 1, -1, 1, 3, -2})}, {}, {.note = "rows are swapped"});
  s.add({s.values({2, 1, 4, 4})}, {}, {.note = "a batch"});
  s.add({s.values({5, 5})}, {}, {.note = "cyclic swaps"});
  s.add({SampleSink::f64({1, 1}, {4})}, {}, {.note = "size 1"});
  s.add({s.values({0, 0})}, {}, {.note = "of nothing"});
  s.add({s.values({0, 2, 2})}, {}, {.note = "no matrices"});
  sample_square_errors(s, "linalg_lu_factor", NoAttrs{});
  s.add_error({SampleSink::f64({2, 2}, {1, 2, 2, 4})},
              "linalg_lu_factor: a [2, 2] f64 is singular: pivot 2 of 2 is 0");
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {out(0) | out(1)};

}  // namespace

extern constinit const OpDef op_linalg_lu_factor = {
    .name = "linalg_lu_factor",
    .doc = "the triangular factors of a square matrix, in one matrix, and the swaps of rows",
    .inputs = kInputs,
    .outputs = 2,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "a = P L U",
};

namespace linalg {
LuFactors lu_factor(Operand a) {
  Tensor outs[2];
  apply(op_linalg_lu_factor, std::span(&a, 1), nullptr, outs);
  return {std::move(outs[0]), std::move(outs[1])};
}
}  // namespace linalg

}  // namespace gradus
