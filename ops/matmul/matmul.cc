// matmul: C = op(A) op(B) over the last two axes, op a transposition where the attributes say so; batches
// broadcast, vectors are rows (a) or columns (b).
// Derivative: with cotangent G, dA = G op(B)^T and dB = op(A)^T G, each again one matmul with other flags, so
// no transposed copy is made at any order. Summing over broadcast batches is the engine's; a gradient for a
// matrix that all batches share is one product over all rows.
#include "gradus/ops/matmul.h"

#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/matmul/operand.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// Sizes of one operand. Vectors have trans = false.
struct Matrix {
  std::int64_t rows, cols;
  int batch_axes;
  bool trans;
};

Matrix matrix_of(const std::int64_t* dims, int rank, bool trans, bool vector_is_row) {
  if (rank == 1) return vector_is_row ? Matrix{1, dims[0], 0, false} : Matrix{dims[0], 1, 0, false};
  const std::int64_t r = dims[rank - 2], c = dims[rank - 1];
  return trans ? Matrix{c, r, rank - 2, true} : Matrix{r, c, rank - 2, false};
}

std::string with_size(const InferContext& c, int i, const Matrix& m, std::int64_t size, const char* what) {
  return fmt::format("{}{} has {} {}", c.describe(i), m.trans ? " transposed" : "", size,
                     c.rank(i) == 1 ? "elements" : what);
}

void infer(InferContext& c) {
  const auto& attrs = c.attrs<MatmulOptions>();
  c.require_same_dtype();
  if (c.dtype(0) == DType::boolean) {
    c.dtype_error(fmt::format("takes numbers: {}; convert it with astype()", c.describe(0)));
  }
  for (int i = 0; i < 2; ++i) {
    if (c.rank(i) == 0) {
      c.shape_error(
          fmt::format("takes vectors and matrices: {} is a scalar; multiply by it with *", c.describe(i)));
    }
  }
  const Matrix a = matrix_of(c.dims(0), c.rank(0), attrs.trans_a, true);
  const Matrix b = matrix_of(c.dims(1), c.rank(1), attrs.trans_b, false);
  if (a.cols != b.rows) {
    c.shape_error(fmt::format("inner sizes differ: {}, {}", with_size(c, 0, a, a.cols, "columns"),
                              with_size(c, 1, b, b.rows, "rows")));
  }
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  const int batch_axes = std::max(a.batch_axes, b.batch_axes);
  for (int i = 0; i < batch_axes; ++i) {
    const int ia = i - (batch_axes - a.batch_axes), ib = i - (batch_axes - b.batch_axes);
    const std::int64_t da = ia < 0 ? 1 : c.dim(0, ia), db = ib < 0 ? 1 : c.dim(1, ib);
    if (da != db && da != 1 && db != 1) {
      c.shape_error(
          fmt::format("batches do not broadcast: {}, {}: {} and {} at axis {} from the end; sizes must be "
                      "equal or 1",
                      c.describe(0), c.describe(1), da, db, batch_axes - i + 2));
    }
    o.dims[i] = da == 1 ? db : da;
  }
  int rank = batch_axes;
  if (c.rank(0) > 1) o.dims[rank++] = a.rows;
  if (c.rank(1) > 1) o.dims[rank++] = b.cols;
  o.rank = static_cast<std::uint8_t>(rank);
  std::size_t scratch = 0;
  for (int i = 0; i < 2; ++i) {
    const TensorImpl& t = c.impl(i);
    if (t.strides != nullptr && matrix_layout(t.dims(), t.strides, t.rank, false).pack) {
      scratch += room(t.numel, t.dtype);
    }
  }
  if (scratch != 0) c.set_scratch(scratch);
}

// The distances between the matrices of one operand along the result's batch axes; 0 where it repeats.
void batch_strides(const View& v, int matrix_axes, int batch_axes, std::int64_t* strides) {
  std::int64_t step = 1;
  for (int i = v.rank - matrix_axes; i < v.rank; ++i) step *= v.dims[i];
  for (int i = batch_axes - 1, k = v.rank - matrix_axes - 1; i >= 0; --i, --k) {
    strides[i] = k < 0 || v.dims[k] == 1 ? 0 : v.strides != nullptr ? v.strides[k] : step;
    if (k >= 0) step *= v.dims[k];
  }
}

void kernel(KernelContext& c) {
  const auto& attrs = c.attrs<MatmulOptions>();
  View a = c.in[0], b = c.in[1];
  const View& out = c.out[0];
  const Matrix ma = matrix_of(a.dims, a.rank, attrs.trans_a, true);
  const Matrix mb = matrix_of(b.dims, b.rank, attrs.trans_b, false);
  // gemm reads a vector b as a row that is transposed.
  MatrixLayout la = matrix_layout(a.dims, a.strides, a.rank, ma.trans);
  MatrixLayout lb = matrix_layout(b.dims, b.strides, b.rank, b.rank == 1 || mb.trans);
  auto* scratch = static_cast<std::byte*>(c.scratch);
  if (la.pack) a = pack(a, &scratch);
  if (lb.pack) b = pack(b, &scratch);
  const std::int64_t m = ma.rows, n = mb.cols, k = ma.cols;
  const int batch_axes = std::max(ma.batch_axes, mb.batch_axes);
  if (batch_axes == 0) {
    kernels::gemm(out.dtype, la.trans, lb.trans, m, n, k, 1.0, a.data, la.ld, b.data, lb.ld, 0.0, out.data,
                  n);
    return;
  }
  if (out.numel == 0) return;
  std::int64_t dims[kMaxRank], sa[kMaxRank], sb[kMaxRank];
  batch_strides(a, std::min<int>(a.rank, 2), batch_axes, sa);
  batch_strides(b, std::min<int>(b.rank, 2), batch_axes, sb);
  // Neighbouring batch axes become one where both operands allow it; the last one goes to gemm_batched.
  int axes = 0;
  for (int i = 0; i < batch_axes; ++i) {
    const std::int64_t d = out.dims[i];
    if (axes > 0 && sa[axes - 1] == sa[i] * d && sb[axes - 1] == sb[i] * d) {
      dims[axes - 1] *= d;
    } else {
      dims[axes++] = d;
    }
    sa[axes - 1] = sa[i];
    sb[axes - 1] = sb[i];
  }
  const auto size = static_cast<std::int64_t>(size_of(out.dtype));
  const int last = axes - 1;
  std::int64_t at[kMaxRank] = {};
  const auto *pa = static_cast<const std::byte*>(a.data), *pb = static_cast<const std::byte*>(b.data);
  auto* pc = static_cast<std::byte*>(out.data);
  for (;;) {
    kernels::gemm_batched(out.dtype, la.trans, lb.trans, m, n, k, 1.0, pa, la.ld, sa[last], pb, lb.ld,
                          sb[last], 0.0, pc, n, m * n, dims[last]);
    pc += dims[last] * m * n * size;
    int i = last - 1;
    for (; i >= 0; --i) {
      pa += sa[i] * size;
      pb += sb[i] * size;
      if (++at[i] < dims[i]) break;
      pa -= sa[i] * dims[i] * size;
      pb -= sb[i] * dims[i] * size;
      at[i] = 0;
    }
    if (i < 0) return;
  }
}

// The cotangent with the axes that vectors left out.
Tensor lifted(const Tensor& g, bool vector_a, bool vector_b) {
  if (vector_a && vector_b) return reshape(g, {1, 1});
  if (vector_a) return unsqueeze(g, -2);
  if (vector_b) return unsqueeze(g, -1);
  return g;
}

// All rows of all batches as one matrix.
Tensor rows_of(const Tensor& x) {
  const std::int64_t cols = x.impl()->dims()[x.rank() - 1];
  std::int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.impl()->dims()[i];
  return reshape(x, {rows, cols});
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<MatmulOptions>();
  if (c.needs(0)) {
    const Tensor b = c.input(1);
    const Shape shape = c.input_shape(0);
    const bool vector_a = shape.rank() == 1, vector_b = b.rank() == 1;
    const bool trans_b = attrs.trans_b && !vector_b;
    const Tensor g = lifted(c.grad(), vector_a, vector_b);
    const Tensor b2 = vector_b ? unsqueeze(b, 1) : b;
    Tensor da = attrs.trans_a && !vector_a ? matmul(b2, g, {.trans_a = trans_b, .trans_b = true})
                                           : matmul(g, b2, {.trans_b = !trans_b});
    if (vector_a) da = squeeze(da, -2);
    c.set(0, std::move(da));
  }
  if (c.needs(1)) {
    const Tensor a = c.input(0);
    const Shape shape = c.input_shape(1);
    const bool vector_a = a.rank() == 1, vector_b = shape.rank() == 1;
    const bool trans_a = attrs.trans_a && !vector_a, trans_b = attrs.trans_b && !vector_b;
    Tensor g = lifted(c.grad(), vector_a, vector_b);
    Tensor a2 = vector_a ? unsqueeze(a, 0) : a;
    if (shape.rank() <= 2 && a2.rank() > 2 && !trans_a) {
      a2 = rows_of(a2);
      g = rows_of(g);
    }
    Tensor db =
        trans_b ? matmul(g, a2, {.trans_a = true, .trans_b = trans_a}) : matmul(a2, g, {.trans_a = !trans_a});
    if (vector_b) db = squeeze(db, -1);
    c.set(1, std::move(db));
  }
}

void samples(SampleSink& s) {
  using A = MatmulOptions;
  s.add({s.values({3, 4}), s.values({4, 2})}, A{});
  s.add({s.values({4, 3}), s.values({4, 2})}, A{true, false});
  s.add({s.values({3, 4}), s.values({2, 4})}, A{false, true});
  s.add({s.values({4, 3}), s.values({2, 4})}, A{true, true});
  s.add({s.values({4}), s.values({4})}, A{}, {.note = "vectors"});
  s.add({s.values({4}), s.values({4, 3})}, A{}, {.note = "vector and matrix"});
  s.add({s.values({4}), s.values({3, 4})}, A{true, true}, {.note = "vector and transposed matrix"});
  s.add({s.values({3, 4}), s.values({4})}, A{}, {.note = "matrix and vector"});
  s.add({s.values({2, 3, 4}), s.values({2, 4, 2})}, A{});
  s.add({s.values({2, 4, 3}), s.values({2, 2, 4})}, A{true, true});
  s.add({s.values({2, 3, 4}), s.values({4, 2})}, A{}, {.note = "one matrix for all batches"});
  s.add({s.values({2, 3, 4}), s.values({2, 4})}, A{false, true});
  s.add({s.values({2, 4, 3}), s.values({4, 2})}, A{true, false});
  s.add({s.values({3, 4}), s.values({2, 4, 2})}, A{});
  s.add({s.values({2, 1, 3, 2}), s.values({3, 2, 2})}, A{}, {.note = "broadcast batches"});
  s.add({s.values({4}), s.values({2, 4, 3})}, A{}, {.note = "vector and batch"});
  s.add({s.values({2, 3, 4}), s.values({4})}, A{}, {.note = "batch and vector"});
  s.add({s.values({0, 4}), s.values({4, 2})}, A{}, {.note = "no rows"});
  s.add({s.values({2, 0}), s.values({0, 3})}, A{}, {.note = "no inner size: zeros"});
  s.add({s.values({0, 2, 3}), s.values({3, 2})}, A{}, {.note = "no batches"});
  s.add({s.values({1, 1}), s.values({1, 1})}, A{}, {.note = "size 1"});
  s.add_error(
      {s.values({32, 784}), s.values({512, 256}).name("w1")}, A{},
      "matmul: inner sizes differ: a [32, 784] f64 has 784 columns, b \"w1\" [512, 256] f64 has 512 rows");
  s.add_error({s.values({3, 4}), s.values({3, 2})}, A{false, true},
              "matmul: inner sizes differ: a [3, 4] f64 has 4 columns, b [3, 2] f64 transposed has 2 rows");
  s.add_error({s.values({3}), s.values({4, 2})}, A{},
              "matmul: inner sizes differ: a [3] f64 has 3 elements, b [4, 2] f64 has 4 rows");
  s.add_error(
      {s.values({2, 3, 4}), s.values({3, 4, 2})}, A{},
      "matmul: batches do not broadcast: a [2, 3, 4] f64, b [3, 4, 2] f64: 2 and 3 at axis 3 from the end; "
      "sizes must be equal or 1");
  s.add_error({s.values({}), s.values({3})}, A{},
              "matmul: takes vectors and matrices: a [] f64 is a scalar; multiply by it with *");
  s.add_error({s.values({2, 3}), s.i64({3}, {1, 2, 3})}, A{},
              "matmul: dtypes differ: a [2, 3] f64, b [3] i64; convert one with astype()");
  s.add_error({s.boolean({1}, {1}), s.boolean({1}, {1})}, A{},
              "matmul: takes numbers: a [1] bool; convert it with astype()");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(1), in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(MatmulOptions, trans_a, "false"),
                              GRADUS_ATTR(MatmulOptions, trans_b, "false")};

}  // namespace

extern constinit const OpDef op_matmul = {
    .name = "matmul",
    .doc = "the matrix product over the last two axes; batches broadcast",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "MatMul",
    .formula = "C = A B",
};

Tensor matmul(Operand a, Operand b, MatmulOptions options) { return apply(op_matmul, {a, b}, options); }

}  // namespace gradus
