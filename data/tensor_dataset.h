// TensorDataset: samples that lie in tensors, one a row. A dataset is any copyable type with
//   std::int64_t size() const;
//   Batch batch(std::span<const std::int64_t> indices) const;   // safe to call from another thread
// where Batch is what a loop over the loader receives.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "gradus/graph/tensor.h"

namespace gradus::data {

// The rows of `t` at `indices`: [indices.size(), ...]. Copies on the calling thread alone. Errors: ShapeError
// for a scalar, ValueError for an index out of range.
Tensor gather_rows(const Tensor& t, std::span<const std::int64_t> indices,
                   Location where = Location::current());

namespace tensor_dataset_internal {
// Detached, contiguous handles; checks that all have the same number of rows.
void prepare(std::span<Tensor> tensors, Location where);
}  // namespace tensor_dataset_internal

// N tensors whose first sizes agree: TensorDataset({images, labels}). Its batches are arrays of N tensors.
template <std::size_t N>
class TensorDataset {
 public:
  using Batch = std::array<Tensor, N>;

  // Shares the tensors; their elements must not change meanwhile. Errors: ShapeError, ValueError for an empty
  // handle.
  explicit TensorDataset(const Tensor (&tensors)[N], Location where = Location::current()) {
    for (std::size_t i = 0; i < N; ++i) tensors_[i] = tensors[i];
    tensor_dataset_internal::prepare(tensors_, where);
  }
  template <class... T>
  requires(sizeof...(T) == N && (std::is_convertible_v<const T&, const Tensor&> &&
                                 ...)) explicit TensorDataset(const T&... tensors)
      : tensors_{tensors...} {
    tensor_dataset_internal::prepare(tensors_, {});
  }

  std::int64_t size() const { return tensors_[0].size(0); }
  const Tensor& tensor(std::size_t i) const { return tensors_[i]; }
  Batch batch(std::span<const std::int64_t> indices) const {
    Batch out;
    for (std::size_t i = 0; i < N; ++i) out[i] = gather_rows(tensors_[i], indices);
    return out;
  }

 private:
  Batch tensors_;
};

template <std::size_t N>
TensorDataset(const Tensor (&)[N]) -> TensorDataset<N>;
template <class... T>
requires(std::is_convertible_v<const T&, const Tensor&>&&...) TensorDataset(const T&...)
->TensorDataset<sizeof...(T)>;

}  // namespace gradus::data
