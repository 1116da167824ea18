// Matrix products of numbers of any dtype; both operands have the same one. Transposed views are read in
// place, not copied.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

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

// The product of two vectors of one length, of a matrix and a vector, of two batches [b, n, m] x [b, m, p] of
// one size; nothing broadcasts. Errors: ShapeError, DtypeError.
Tensor dot(Operand a, Operand b);
Tensor mv(Operand a, Operand v);
Tensor bmm(Operand a, Operand b);

// a [n] and b [m] give a[i] b[j], [n, m]. Errors: ShapeError, DtypeError.
Tensor outer(Operand a, Operand b);

struct AddmmOptions {
  double beta = 1;  // 0: input is not read, so its NaN do not matter
  double alpha = 1;
};
// beta input + alpha (a b); a [n, m], b [m, p], input broadcasts to [n, p]. Errors: ShapeError, DtypeError.
Tensor addmm(Operand input, Operand a, Operand b, AddmmOptions options = {});

// The sum of the diagonal of a matrix; integers add up in i64. Errors: ShapeError.
Tensor trace(Operand input);

// Sums of products over the last `dims` axes of a and the first ones of b, or over axes dims_a[i] of a and
// dims_b[i] of b; the others stay, a's first. Errors: ShapeError, DtypeError.
Tensor tensordot(Operand a, Operand b, int dims = 2);
Tensor tensordot(Operand a, Operand b, const Dims& dims_a, const Dims& dims_b);

// The Kronecker product: blocks a[i, j] b. Of fewer axes the tensor gets axes of size 1 in front; at most 4
// axes. Errors: ShapeError, DtypeError.
Tensor kron(Operand a, Operand b);

// The cross product of the vectors of size 3 along `dim`, the last axis by default (torch.cross takes the
// first one of size 3; this is torch.linalg.cross). The other axes broadcast. Errors: ShapeError, DtypeError.
Tensor cross(Operand a, Operand b, std::int64_t dim = -1);

// Sums of products in the notation of torch.einsum and numpy: "ij,jk->ik". One letter (a-z, A-Z) an axis; a
// letter twice in one operand is its diagonal; letters that are not behind "->" are summed over; "..." stands
// for axes that broadcast. Without "->" the result has the axes of "..." and then the letters that occur
// once, in alphabetical order. Axes of size 1 broadcast. More than two operands are contracted pair by pair,
// the cheapest pair first. Errors: ValueError for an equation that is none, with the place; ShapeError,
// DtypeError.
Tensor einsum(std::string_view equation, std::span<const Tensor> operands,
              Location where = Location::current());
inline Tensor einsum(std::string_view equation, std::initializer_list<Tensor> operands,
                     Location where = Location::current()) {
  return einsum(equation, std::span(operands.begin(), operands.size()), where);
}

}  // namespace gradus
