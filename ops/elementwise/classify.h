// What is no ordinary number, element by element. Any dtype, but for nan_to_num.
#pragma once

#include <optional>

#include "gradus/graph/apply.h"

namespace gradus {

// Whether x is NaN / infinite / neither, as bool. Integers and bool are always finite.
Tensor isnan(Operand input);
Tensor isinf(Operand input);
Tensor isfinite(Operand input);

struct NanToNumOptions {
  double nan = 0;
  std::optional<double> posinf = std::nullopt;  // the largest number of the dtype
  std::optional<double> neginf = std::nullopt;  // the smallest
};
// x with other numbers in the place of NaN and the infinities; the gradient there is 0. Numbers.
// Errors: DtypeError.
Tensor nan_to_num(Operand input, NanToNumOptions options = {});

}  // namespace gradus
