// FlatUpdate: a parameter and its gradient as runs of memory in the same order, whatever their strides, for
// kernels that make one pass over both. Internal to optim/.
#pragma once

#include "gradus/graph/tensor.h"

namespace gradus::optim {

class FlatUpdate {
 public:
  // Records the change under `writer`, a string literal. The parameter has a gradient.
  FlatUpdate(const Tensor& param, const char* writer, Location where);

  template <class T>
  T* weights() const {
    return static_cast<T*>(weights_);
  }
  template <class T>
  const T* gradient() const {
    return static_cast<const T*>(gradient_);
  }
  void* raw_weights() const { return weights_; }
  const void* raw_gradient() const { return gradient_; }

  // Brings the result into a parameter with gaps or permuted axes.
  void finish() const;

 private:
  View target_;
  Tensor weights_copy_, gradient_copy_;
  void* weights_;
  const void* gradient_;
};

// A contiguous tensor of one value.
Tensor filled(const Shape& shape, DType dtype, double value);

}  // namespace gradus::optim
