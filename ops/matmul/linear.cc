// linear: y = x w^T + bias, x [..., in], w [out, in], bias [out]; the rows of y start as the bias and gemm
// adds to them. Derivative: with cotangent G, dx = G w, dw = G^T x over all rows, dbias = G summed over the
// rows (by the engine).
#include <fmt/format.h>

#include <cstring>

#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/operand.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// x as one matrix of rows.
MatrixLayout rows_layout(const std::int64_t* dims, const std::int64_t* strides, int rank) {
  if (strides != nullptr && rank > 2) return {false, true, std::max<std::int64_t>(dims[rank - 1], 1)};
  return matrix_layout(dims, strides, rank, false);
}

void infer(InferContext& c) {
  c.require_same_dtype();
  if (c.dtype(0) == DType::boolean) {
    c.dtype_error(fmt::format("takes numbers: {}; convert it with astype()", c.describe(0)));
  }
  if (c.rank(1) != 2) c.shape_error(fmt::format("the weight has the axes [out, in]: {}", c.describe(1)));
  const int rank = c.rank(0);
  if (rank == 0) c.shape_error(fmt::format("x has at least the axis [in]: {} is a scalar", c.describe(0)));
  if (c.dim(0, rank - 1) != c.dim(1, 1)) {
    c.shape_error(fmt::format("inner sizes differ: {} has {} columns, {} takes {} (it is [out, in])",
                              c.describe(0), c.dim(0, rank - 1), c.describe(1), c.dim(1, 1)));
  }
  if (c.size() > 2 && (c.rank(2) != 1 || c.dim(2, 0) != c.dim(1, 0))) {
    c.shape_error(fmt::format("the bias does not fit the weight: {}, {}; it would be [{}]", c.describe(2),
                              c.describe(1), c.dim(1, 0)));
  }
  c.set_out_like(0, 0);
  c.out(0).dims[rank - 1] = c.dim(1, 0);
  const TensorImpl &x = c.impl(0), &w = c.impl(1);
  std::size_t scratch = 0;
  if (rows_layout(x.dims(), x.strides, x.rank).pack) scratch += room(x.numel, x.dtype);
  if (matrix_layout(w.dims(), w.strides, 2, true).pack) scratch += room(w.numel, w.dtype);
  if (scratch != 0) c.set_scratch(scratch);
}

// Below this many bytes copying row by row is quicker than setting up a copy of arrays.
constexpr std::int64_t kSmallBytes = 16384;

void fill_rows(const View& bias, const View& out) {
  const std::int64_t row = bias.numel * static_cast<std::int64_t>(size_of(out.dtype));
  const std::int64_t bytes = out.numel * static_cast<std::int64_t>(size_of(out.dtype));
  if (bias.strides != nullptr || bytes > kSmallBytes) return kernels::copy(bias, out);
  auto* to = static_cast<std::byte*>(out.data);
  for (std::int64_t i = 0; i < bytes; i += row) std::memcpy(to + i, bias.data, static_cast<std::size_t>(row));
}

void kernel(KernelContext& c) {
  View x = c.in[0], w = c.in[1];
  const View& out = c.out[0];
  if (out.numel == 0) return;
  const MatrixLayout lx = rows_layout(x.dims, x.strides, x.rank);
  const MatrixLayout lw = matrix_layout(w.dims, w.strides, 2, true);
  auto* scratch = static_cast<std::byte*>(c.scratch);
  if (lx.pack) x = pack(x, &scratch);
  if (lw.pack) w = pack(w, &scratch);
  const std::int64_t n = w.dims[0], k = w.dims[1];
  if (c.n > 2) fill_rows(c.in[2], out);
  kernels::gemm(out.dtype, lx.trans, lw.trans, out.numel / n, n, k, 1.0, x.data, lx.ld, w.data, lw.ld,
                c.n > 2 ? 1.0 : 0.0, out.data, n);
}

// All rows as one matrix.
Tensor rows_of(const Tensor& x, std::int64_t cols) {
  if (x.rank() == 2) return x;
  std::int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.impl()->dims()[i];
  return reshape(x, {rows, cols});
}

void rule(RuleContext& c) {
  const Tensor g = c.grad();
  if (c.needs(0)) c.set(0, matmul(g, c.input(1)));
  if (c.needs(1)) {
    const Shape w = c.input_shape(1);
    c.set(1, matmul(rows_of(g, w[0]), rows_of(c.input(0), w[1]), {.trans_a = true}));
  }
  if (c.size() > 2 && c.needs(2)) c.set(2, g);
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({2, 4}), s.values({2})});
  s.add({s.values({3, 4}), s.values({2, 4})}, {}, {.note = "no bias"});
  s.add({s.values({4}), s.values({2, 4}), s.values({2})}, {}, {.note = "one row"});
  s.add({s.values({2, 3, 4}), s.values({2, 4}), s.values({2})}, {}, {.note = "more axes"});
  s.add({s.values({1, 1}), s.values({1, 1}), s.values({1})}, {}, {.note = "size 1"});
  s.add({s.values({0, 4}), s.values({2, 4}), s.values({2})}, {}, {.note = "no rows"});
  s.add({s.values({3, 0}), s.values({2, 0}), s.values({2})}, {}, {.note = "no inputs: the bias"});
  s.add_error({s.values({32, 784}), s.values({256, 512}).name("w1")},
              "linear: inner sizes differ: x [32, 784] f64 has 784 columns, weight \"w1\" [256, 512] f64 "
              "takes 512 (it "
              "is [out, in])");
  s.add_error({s.values({3, 4}), s.values({4})}, "linear: the weight has the axes [out, in]: weight [4] f64");
  s.add_error({s.values({}), s.values({2, 4})}, "linear: x has at least the axis [in]: x [] f64 is a scalar");
  s.add_error({s.values({3, 4}), s.values({2, 4}), s.values({3})},
              "linear: the bias does not fit the weight: bias [3] f64, weight [2, 4] f64; it would be [2]");
  s.add_error({s.values({1, 1}), s.i64({1, 1}, {1})},
              "linear: dtypes differ: x [1, 1] f64, weight [1, 1] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"x", "weight", "bias"};
constexpr SaveMask kSaves[] = {in(1), in(0), 0};

}  // namespace

extern constinit const OpDef op_linear = {
    .name = "linear",
    .doc = "x w^T + bias for a weight [out, in]; the bias may be left out",
    .inputs = kInputs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Gemm",
    .formula = "y = x w^T + b",
};

Tensor linear(Operand x, Operand weight) { return apply(op_linear, {x, weight}); }
Tensor linear(Operand x, Operand weight, Operand bias) { return apply(op_linear, {x, weight, bias}); }

}  // namespace gradus
