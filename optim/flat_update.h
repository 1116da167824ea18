// FlatUpdate: a parameter and its gradient as runs of memory in the same order, whatever their strides, for
// kernels that make one pass over both. Internal to optim/.
#pragma once

#include "gradus/graph/tensor.h"

namespace gradus::optim {

class FlatUpdate {
 public:
  // Records the change under `writer`, a string literal. The parameter has a gradient.
  FlatUpdate(const Tensor& param, const char* writer, Location where);
  FlatUpdate(const FlatUpdate&) = delete;
  FlatUpdate& operator=(const FlatUpdate&) = delete;
  // Brings the result into a parameter with gaps or permuted axes.
  ~FlatUpdate();

  template <class T>
  T* weights() const {
    return static_cast<T*>(weights_);
  }
  template <class T>
  const T* gradient() const {
    return static_cast<const T*>(gradient_);
  }

 private:
  View target_;
  Tensor weights_copy_, gradient_copy_;
  void* weights_;
  const void* gradient_;
};

// A contiguous tensor of zeros, shaped as `like`.
Tensor zeros_as(const Tensor& like);

// Elements that one thread should at least get: below, waking another costs more than it saves.
inline constexpr std::int64_t kUpdateGrain = 32 * 1024;

}  // namespace gradus::optim
