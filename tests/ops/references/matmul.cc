// References of the products: three loops, and the batch of each element worked out from its place.
#include "gradus/ops/matmul.h"

#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// An operand as matrices under batch axes; a vector is one row or one column.
struct Matrices {
  Matrices(const Tensor& t, bool trans, bool vector_is_row) : values(read(t)) {
    const int rank = t.rank();
    const bool vector = rank == 1;
    transposed = vector ? !vector_is_row : trans;
    rows = vector ? 1 : t.shape()[rank - 2];
    cols = t.shape()[rank - 1];
    size = rows * cols;
    stored_cols = cols;
    if (transposed) std::swap(rows, cols);
    for (int k = 0; k < rank - 2; ++k) batch.push_back(t.shape()[k]);
  }
  double at(std::int64_t which, std::int64_t i, std::int64_t j) const {
    const std::int64_t in_matrix = transposed ? j * stored_cols + i : i * stored_cols + j;
    return values[static_cast<std::size_t>(which * size + in_matrix)];
  }

  std::vector<double> values;
  Shape batch;
  std::int64_t rows, cols, size, stored_cols;
  bool transposed;
};

std::vector<Tensor> matmul(Inputs in, const void* attrs) {
  const auto& options = *static_cast<const MatmulOptions*>(attrs);
  const Matrices a(in[0], options.trans_a, true), b(in[1], options.trans_b, false);
  const Tensor batches[] = {empty(a.batch), empty(b.batch)};
  const Shape batch = broadcast_shape(batches);
  std::vector<double> out;
  for (std::int64_t which = 0; which < batch.numel(); ++which) {
    const std::int64_t of_a = broadcast_index(which, batch, a.batch);
    const std::int64_t of_b = broadcast_index(which, batch, b.batch);
    for (std::int64_t i = 0; i < a.rows; ++i) {
      for (std::int64_t j = 0; j < b.cols; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < a.cols; ++k) sum += a.at(of_a, i, k) * b.at(of_b, k, j);
        out.push_back(sum);
      }
    }
  }
  Shape shape = batch;
  if (in[0].rank() > 1) shape.push_back(a.rows);
  if (in[1].rank() > 1) shape.push_back(b.cols);
  return {make(shape, out, in[0].dtype())};
}

std::vector<Tensor> linear(Inputs in, const void*) {
  const std::vector<double> x = read(in[0]), w = read(in[1]);
  const std::vector<double> bias = in.size() > 2 ? read(in[2]) : std::vector<double>();
  const auto outputs = static_cast<std::size_t>(in[1].size(0)),
             inputs = static_cast<std::size_t>(in[1].size(1));
  Shape shape = in[0].shape();
  shape[shape.rank() - 1] = in[1].size(0);
  std::vector<double> out(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t row = i / outputs, o = i % outputs;
    out[i] = bias.empty() ? 0 : bias[o];
    for (std::size_t k = 0; k < inputs; ++k) out[i] += x[row * inputs + k] * w[o * inputs + k];
  }
  return {make(shape, out, in[0].dtype())};
}

constexpr ReferenceEntry kEntries[] = {
    {"matmul", matmul},
    {"linear", linear},
};

}  // namespace

std::span<const ReferenceEntry> matmul_references() { return kEntries; }

}  // namespace gradus::reference
