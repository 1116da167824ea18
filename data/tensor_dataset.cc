#include "gradus/data/tensor_dataset.h"

#include <cstring>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"

namespace gradus::data {
namespace {

// memcpy with a size known to the compiler where rows are single numbers, as labels are.
template <std::size_t bytes>
void copy_small(const char* from, char* to, std::span<const std::int64_t> indices) {
  for (const std::int64_t i : indices) {
    std::memcpy(to, from + static_cast<std::size_t>(i) * bytes, bytes);
    to += bytes;
  }
}

}  // namespace

Tensor gather_rows(const Tensor& t, std::span<const std::int64_t> indices, Location where) {
  if (t.rank() == 0) {
    throw_error<ShapeError>(where, "gather_rows", "{} is a scalar; it has no rows", describe(t));
  }
  if (!t.is_contiguous()) return gather_rows(t.clone_detached(), indices, where);
  Shape shape = t.shape();
  const std::int64_t rows = shape[0];
  for (const std::int64_t i : indices) {
    if (i < 0 || i >= rows) {
      throw_error<ValueError>(where, "gather_rows", "index {} is out of range: {} has {} rows", i,
                              describe(t), rows);
    }
  }
  shape[0] = static_cast<std::int64_t>(indices.size());
  Tensor out = empty(shape, t.dtype(), where);
  if (out.numel() == 0) return out;
  const std::size_t bytes = static_cast<std::size_t>(t.numel() / rows) * size_of(t.dtype());
  const char* from = static_cast<const char*>(t.impl()->data);
  char* to = static_cast<char*>(out.impl()->data);
  switch (bytes) {
    case 1:
      copy_small<1>(from, to, indices);
      break;
    case 4:
      copy_small<4>(from, to, indices);
      break;
    case 8:
      copy_small<8>(from, to, indices);
      break;
    default:
      for (const std::int64_t i : indices) {
        std::memcpy(to, from + static_cast<std::size_t>(i) * bytes, bytes);
        to += bytes;
      }
  }
  return out;
}

namespace tensor_dataset_internal {

void prepare(std::span<Tensor> tensors, Location where) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    Tensor& t = tensors[i];
    if (!t.defined()) throw_error<ValueError>(where, "TensorDataset", "tensor {} is an empty handle", i);
    if (t.rank() == 0) {
      throw_error<ShapeError>(where, "TensorDataset", "tensor {} {} is a scalar; it has no rows", i,
                              describe(t));
    }
    if (t.size(0) != tensors[0].size(0)) {
      throw_error<ShapeError>(where, "TensorDataset", "tensor 0 {} has {} rows, tensor {} {} has {}",
                              describe(tensors[0]), tensors[0].size(0), i, describe(t), t.size(0));
    }
    t = t.is_contiguous() ? t.detach() : t.clone_detached();
  }
}

}  // namespace tensor_dataset_internal
}  // namespace gradus::data
