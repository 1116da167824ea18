// Reading at places.
#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/data/format/onnx/operators/rows.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {

Tensor row_numbers(const Call& c, const Tensor& indices, const Shape& data, int batch_dims) {
  const Shape shape = indices.shape();
  if (shape.rank() < 1 || batch_dims < 0 || batch_dims >= shape.rank() || batch_dims > data.rank()) {
    c.fail("indices {} do not fit {} batch axes", format_shape(shape), batch_dims);
  }
  const std::int64_t depth = shape[shape.rank() - 1];
  if (depth < 0 || depth > data.rank() - batch_dims) {
    c.fail("indices {} name {} axes of {}", format_shape(shape), depth, format_shape(data));
  }
  std::int64_t batches = 1;
  for (int i = 0; i < batch_dims; ++i) {
    if (shape[i] != data[i])
      c.fail("indices {} and data {} differ in batch axis {}", format_shape(shape), format_shape(data), i);
    batches *= data[i];
  }
  const std::vector<std::int64_t> all = c.wholes_in(1);
  std::int64_t tuples = 1;
  for (int i = 0; i < shape.rank() - 1; ++i) tuples *= shape[i];
  const std::int64_t per_batch = batches > 0 ? tuples / batches : 0;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(tuples));
  for (std::int64_t t = 0; t < tuples; ++t) {
    std::int64_t row = t / per_batch;
    for (std::int64_t k = 0; k < depth; ++k) {
      const std::int64_t size = data[batch_dims + static_cast<int>(k)];
      std::int64_t i = all[static_cast<std::size_t>(t * depth + k)];
      if (i < -size || i >= size) c.fail("index {} is out of range for an axis of size {}", i, size);
      row = row * size + (i < 0 ? i + size : i);
    }
    rows[static_cast<std::size_t>(t)] = row;
  }
  return index_tensor(rows);
}

Tensor as_rows(const Tensor& data, int axes) {
  std::int64_t rows = 1, cols = 1;
  for (int i = 0; i < data.rank(); ++i) (i < axes ? rows : cols) *= data.size(i);
  return reshape(data, {rows, cols});
}

namespace {

void run_gather(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole("axis", 0), x.rank());
  const Tensor indices = wrapped_indices(c, c.in(1), x.size(static_cast<int>(axis)));
  const Shape given = x.shape();
  std::vector<std::int64_t> dims(given.begin(), given.end());
  dims[static_cast<std::size_t>(axis)] = indices.numel();
  c.made_up_shape(dims);
  const Tensor y = index_select(x, axis, flatten(indices));
  Shape shape;
  if (x.rank() - 1 + indices.rank() > kMaxRank)
    c.unsupported("a tensor of {} axes", x.rank() - 1 + indices.rank());
  for (int i = 0; i < axis; ++i) shape.push_back(x.size(i));
  for (int i = 0; i < indices.rank(); ++i) shape.push_back(indices.size(i));
  for (int i = static_cast<int>(axis) + 1; i < x.rank(); ++i) shape.push_back(x.size(i));
  c.set(0, reshape(y, shape), c.type(0));
}

void run_gather_elements(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole("axis", 0), x.rank());
  c.set(0, gather(x, axis, wrapped_indices(c, c.in(1), x.size(static_cast<int>(axis)))), c.type(0));
}

void run_gather_nd(Call& c) {
  const Tensor& x = c.in(0);
  const Tensor& indices = c.in(1);
  const auto batch_dims =
      static_cast<int>(std::clamp<std::int64_t>(c.whole("batch_dims", 0), -1, kMaxRank + 1));
  const Tensor rows = row_numbers(c, indices, x.shape(), batch_dims);
  const int named = batch_dims + static_cast<int>(indices.size(-1));
  const std::int64_t dims[] = {rows.numel(), as_rows(x, named).size(1)};
  c.made_up_shape(dims);
  Shape shape;
  for (int i = 0; i < indices.rank() - 1; ++i) shape.push_back(indices.size(i));
  for (int i = named; i < x.rank(); ++i) shape.push_back(x.size(i));
  c.set(0, reshape(index_select(as_rows(x, named), 0, rows), shape), c.type(0));
}

constexpr Operator kOperators[] = {
    {"Gather", run_gather, 2, 2},
    {"GatherElements", run_gather_elements, 2, 2},
    {"GatherND", run_gather_nd, 2, 2},
};

}  // namespace

std::span<const Operator> gather_operators() { return kOperators; }

}  // namespace gradus::onnx
