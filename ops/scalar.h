// Scalar: a C++ number as an operand. It takes the dtype of the tensor beside it and never widens it.
#pragma once

#include <cstdint>
#include <type_traits>

#include "gradus/graph/apply.h"

namespace gradus {

struct Scalar {
  template <class T>
  requires std::is_arithmetic_v<T> Scalar(T v)  // NOLINT(google-explicit-constructor): 2.0 * x
      : value(static_cast<double>(v)),
        integer(std::is_integral_v<T> ? static_cast<std::int64_t>(v) : 0),
        is_integer(std::is_integral_v<T> && (value < 0) == (integer < 0)) {}

  double value;
  std::int64_t integer;  // exact, where is_integer
  bool is_integer;       // and fits in 64 bits with a sign
};

// A tensor of rank 0 with the dtype of `like`. Errors: DtypeError for a floating-point number beside an
// integer or bool tensor, ValueError where an integer does not fit; `op` is the function that asks.
Tensor scalar_like(const Operand& like, Scalar s, const char* op = "scalar");

}  // namespace gradus
