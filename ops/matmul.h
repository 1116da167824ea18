// Matrix products. f32, f64, i32, i64 and u8; both operands have the same dtype. Transposed views are read in
// place, not copied.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// Which operands count as transposed in their last two axes; a vector has nothing to transpose.
struct MatmulOptions {
  bool trans_a = false;
  bool trans_b = false;
};

// Vectors: the inner product. Matrices: the product. A vector a counts as a row, a vector b as a column, and
// that axis is not in the result. Axes in front are batches and broadcast: [7, 1, 2, 3] x [5, 3, 4] gives
// [7, 5, 2, 4]. Errors: ShapeError, DtypeError.
Tensor matmul(Operand a, Operand b, MatmulOptions options = {});

// x w^T + bias: x [..., in], weight [out, in], bias [out] give [..., out]. Errors: ShapeError, DtypeError.
Tensor linear(Operand x, Operand weight);
Tensor linear(Operand x, Operand weight, Operand bias);

}  // namespace gradus
