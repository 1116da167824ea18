// solve: x of a x = b by LU factorisation with partial pivoting. The factors are outputs too, for the
// derivative; the user's function drops them.
// Derivative: the cotangent solves the transposed system, h = a^-T g, the gradient of b; that of a is -h x^T.
// M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation"
// (2008), section 2.3.1. Unless it is recorded itself, it uses the factors at hand.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/lu.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_square(c, 0);
  require_matrices(c, 1);
  c.require_same_dtype();
  const std::int64_t n = c.dim(0, c.rank(0) - 1), rows = c.dim(1, c.rank(1) - 2);
  if (n != rows) {
    c.shape_error(
        fmt::format("sizes differ: {} has {} rows, {} has {} rows", c.describe(0), n, c.describe(1), rows));
  }
  set_out_matrices(c, 0, 1, rows, c.dim(1, c.rank(1) - 1));
  set_lu_outputs(c, 1);
}

void kernel(KernelContext& c) {
  const View &out = c.out[0], &factors = c.out[1];
  const Matrices a(c.in[0]), lu(factors, out), x(out);
  const std::int64_t n = a.rows(), cols = x.cols();
  if (n == 0) return;
  kernels::copy(c.in[1], out);
  with_floating(out.dtype, [&]<class T>(T) {
    auto* pivots = c.out[2].as<std::int32_t>();
    for_each_matrix(a.count(), n * n * n * 2 / 3, [&](std::int64_t i, std::int64_t) {
      lu_of(c, a, i, factors.as<T>() + i * n * n, pivots + i * n);
    });
    for_each_matrix(cols == 0 ? 0 : x.count(), n * n * cols, [&](std::int64_t i, std::int64_t) {
      const T* m = static_cast<const T*>(lu.at(i));
      kernels::lu_solve(n, cols, m, pivots + (m - factors.as<const T>()) / n, false,
                        out.as<T>() + i * n * cols);
    });
  });
}

Tensor solved(const Tensor& a, const Tensor& b) {
  Tensor outs[3];
  const Operand in[] = {a, b};
  apply(op_linalg_solve, in, nullptr, outs);
  return outs[0];
}

void rule(RuleContext& c) {
  const bool from_x = c.has_grad(0), from_lu = c.has_grad(1);
  Tensor ga;
  if (from_x) {
    const Tensor h = is_recording()
                         ? solved(matrix_transpose(c.input(0)), c.grad(0))
                         : linalg::lu_solve(c.output(1), c.output(2), c.grad(0), {.adjoint = true});
    if (c.needs(1)) c.set(1, h);
    if (c.needs(0)) ga = neg(matmul(h, c.output(0), {.trans_b = true}));
  } else if (c.needs(1)) {
    c.set(1, zero_gradient(c, 1));
  }
  if (!c.needs(0)) return;
  if (from_lu) {
    const Tensor more = lu_gradient(c.output(1), c.output(2), c.grad(1));
    ga = ga.defined() ? add(sum_to(ga, more.shape()), more) : more;
  }
  c.set(0, ga.defined() ? ga : zero_gradient(c, 0));
}

void samples(SampleSink& s) {
  s.add({sample_separated(s, {3, 3}), s.values({3, 2})});
  s.add({SampleSink::f64({3, 3}, {0.5, 2, 1, 4, 1, -1, 1, 3, -2}), s.values({3, 1})}, {},
        {.note = "rows are swapped"});
  s.add({sample_separated(s, {2, 3, 3}), s.values({2, 3, 1})}, {}, {.note = "a batch of vectors"});
  s.add({sample_separated(s, {2, 1, 2, 2}), s.values({3, 2, 2})}, {}, {.note = "broadcast batches"});
  s.add({sample_separated(s, {2, 2}), s.values({2, 2, 3})}, {}, {.note = "one matrix for all"});
  s.add({SampleSink::f64({1, 1}, {4}), s.values({1, 1})}, {}, {.note = "size 1"});
  s.add({s.values({0, 0}), s.values({0, 2})}, {}, {.note = "of nothing"});
  s.add({sample_separated(s, {2, 2}), s.values({2, 0})}, {}, {.note = "nothing to solve"});
  s.add({s.values({0, 2, 2}), s.values({2, 2})}, {}, {.note = "no matrices"});
  const std::string name = "linalg_solve: ";
  s.add_error({s.values({3}), s.values({3, 1})}, name + "takes matrices, at least two axes: a [3] f64");
  s.add_error({s.values({3, 2}), s.values({3, 1})}, name + "takes square matrices: a [3, 2] f64");
  s.add_error({s.values({3, 3}), s.values({2, 3})},
              name + "sizes differ: a [3, 3] f64 has 3 rows, b [2, 3] f64 has 2 rows");
  s.add_error({s.values({2, 1, 1}), s.values({3, 1, 1})},
              name +
                  "batches do not broadcast: a [2, 1, 1] f64, b [3, 1, 1] f64: 2 and 3 at axis 3 from the "
                  "end; sizes must be equal or 1");
  s.add_error({SampleSink::i64({1, 1}, {1}), s.values({1, 1})},
              name + "takes floating-point numbers: a [1, 1] i64; convert it with astype(x, DType::f32)");
  s.add_error({SampleSink::f64({2, 2}, {1, 2, 2, 4}), s.values({2, 1})},
              name + "a [2, 2] f64 is singular: pivot 2 of 2 is 0");
  s.add_error({SampleSink::f64({2, 1, 1}, {1, 0}), s.values({1, 1})},
              name + "matrix [1] of a [2, 1, 1] f64 is singular: pivot 1 of 1 is 0");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | out(0) | out(1) | out(2), in(0) | out(1) | out(2)};

}  // namespace

extern constinit const OpDef op_linalg_solve = {
    .name = "linalg_solve",
    .doc = "the solution of a system of linear equations",
    .inputs = kInputs,
    .outputs = 3,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "a x = b",
};

namespace linalg {

Tensor solve(Operand a, Operand b, bool left) {
  const Tensor matrix = held(a), right = held(b);
  const At at{a.where};
  // As PyTorch tells vectors from matrices.
  Shape vectors = matrix.shape();
  if (vectors.rank() > 0) vectors.pop_back();
  const bool vector = right.rank() == 1 || (matrix.rank() >= 2 && right.shape() == vectors);
  if (right.rank() == 0) {
    throw_error<ShapeError>(a.where, "linalg_solve", "takes vectors and matrices: b {} is a scalar",
                            describe(right));
  }
  const auto turned = [&](const Tensor& t) { return transpose(at(t), -2, -1); };
  Tensor x, outs[3];
  if (left || matrix.rank() < 2) {
    x = vector ? unsqueeze(at(right), -1) : right;
    const Operand in[] = {at(matrix), at(x)};
    apply(op_linalg_solve, in, nullptr, outs);
    return vector ? squeeze(at(outs[0]), -1) : outs[0];
  }
  // x a = b is a^T x^T = b^T.
  const Tensor transposed = turned(matrix);
  x = vector ? unsqueeze(at(right), -1) : turned(right);
  const Operand in[] = {at(transposed), at(x)};
  apply(op_linalg_solve, in, nullptr, outs);
  return vector ? squeeze(at(outs[0]), -1) : turned(outs[0]);
}

}  // namespace linalg
}  // namespace gradus
