// Scans: results that run along one axis, each element made of all those before it. `dim` may be negative: it
// counts from the end. Names, defaults and values for NaN are PyTorch's. Errors of all: ShapeError for an
// axis out of range; DtypeError for integer and bool tensors where "floating" is written.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/ops/reduction.h"

namespace gradus {

struct CumsumOptions {
  bool exclusive = false;  // without the element itself: begins with 0
  bool reverse = false;    // from the end
};
// The sum of the elements up to each place. Integers and bool add up in i64.
Tensor cumsum(Operand input, std::int64_t dim, CumsumOptions options = {});

// The product of the elements up to each place. Integers and bool multiply in i64. The gradient is right
// beside zeros too.
Tensor cumprod(Operand input, std::int64_t dim);

// log(cumsum(exp(x))) without overflow; floating.
Tensor logcumsumexp(Operand input, std::int64_t dim);

// The largest or smallest element up to each place, and where it is: the last of several equal ones. From the
// first NaN on it is NaN. The gradient goes to those places.
ValuesIndices cummax(Operand input, std::int64_t dim);
ValuesIndices cummin(Operand input, std::int64_t dim);

}  // namespace gradus
