// Scalar: a C++ number as an operand. It takes the dtype of the tensor beside it and never widens it.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gradus/graph/apply.h"

namespace gradus {

struct Scalar {
  template <class T>
  requires std::is_arithmetic_v<T> Scalar(T v)  // NOLINT(google-explicit-constructor)
      : value(static_cast<double>(v)),
        integer(static_cast<std::int64_t>(v)),
        is_integer(std::is_integral_v<T>) {}

  double value;
  std::int64_t integer;
  bool is_integer;
};

// A tensor of rank 0 with the dtype of `like`. Errors: DtypeError for a fraction beside an integer tensor.
Tensor scalar_like(const Operand& like, Scalar s);

}  // namespace gradus
