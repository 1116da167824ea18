// Reductions over some axes of a tensor or over all of them. `dims` names the axes, negative ones from the
// end; empty means all. They go from the result's shape, or stay with size 1 where `keepdim` is true. Names,
// defaults and values for NaN and empty tensors are PyTorch's. Errors of all: ShapeError for an axis out of
// range or named twice; DtypeError for integer and bool tensors where "floating" is written.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>

#include "gradus/graph/apply.h"

namespace gradus {

// Sum. Integers and bool add up in i64. Of nothing: 0.
Tensor sum(Operand input);
Tensor sum(Operand input, const Dims& dims, bool keepdim = false);

// Arithmetic mean; floating. Of nothing: NaN.
Tensor mean(Operand input);
Tensor mean(Operand input, const Dims& dims, bool keepdim = false);

// Product. Integers and bool multiply in i64. Of nothing: 1.
Tensor prod(Operand input);
Tensor prod(Operand input, const Dims& dims, bool keepdim = false);

// The largest or smallest element; a NaN wins. Where several are equal the gradient is shared equally between
// them. max(x) and min(x) are the same over all axes. Errors: ShapeError for nothing to choose from.
Tensor amax(Operand input, const Dims& dims = {}, bool keepdim = false);
Tensor amin(Operand input, const Dims& dims = {}, bool keepdim = false);
Tensor max(Operand input);
Tensor min(Operand input);

struct ValuesIndices {
  Tensor values;
  Tensor indices;  // i64, places along the reduced axis
};
// The largest or smallest element along one axis and its place: the first of several equal ones, the first
// NaN if there is one. The whole gradient goes to that place. Errors: ShapeError for nothing to choose from.
ValuesIndices max(Operand input, std::int64_t dim, bool keepdim = false);
ValuesIndices min(Operand input, std::int64_t dim, bool keepdim = false);

// The place (i64) of the largest or smallest element: along `dim`, or without it in row-major order of the
// whole tensor. Ties and NaN as in max(x, dim). Errors: ShapeError for nothing to choose from.
Tensor argmax(Operand input);
Tensor argmax(Operand input, std::int64_t dim, bool keepdim = false);
Tensor argmin(Operand input);
Tensor argmin(Operand input, std::int64_t dim, bool keepdim = false);

// log(sum(exp(x))) without overflow; floating. Of nothing: -inf.
Tensor logsumexp(Operand input, const Dims& dims, bool keepdim = false);

struct VarOptions {
  double correction = 1;  // the divisor is the number of elements minus this, at least 0
  bool keepdim = false;
};
// Variance and standard deviation in two passes; floating. Divisor 0 (one element, correction 1): NaN.
Tensor var(Operand input, const Dims& dims = {}, VarOptions options = {});
Tensor std(Operand input, const Dims& dims = {}, VarOptions options = {});

// The p-norm (sum |x|^p)^(1/p); floating. p = 0 counts what is not 0; p = inf and -inf give the largest and
// the smallest |x|. Errors: ValueError for a NaN p, ShapeError for an infinite or negative p of nothing.
Tensor norm(Operand input, double p = 2, const Dims& dims = {}, bool keepdim = false);

// How many elements (i64) are not 0; a NaN is not.
Tensor count_nonzero(Operand input, const Dims& dims = {});

// The middle element of an odd number, the lower of the two in the middle of an even one; the first NaN if
// there is one. Along an axis with its place, to which the gradient goes; over all axes elements that equal
// the result share the gradient. Errors: ShapeError for nothing to choose from.
Tensor median(Operand input);
ValuesIndices median(Operand input, std::int64_t dim, bool keepdim = false);

// The element at q (n - 1) of the n elements in rising order, between two of them their linear interpolation;
// along `dim`, or over all axes. A NaN wins. A list of q gives a result with an axis for it in front.
// Floating. Errors: ValueError for q outside [0, 1], ShapeError for nothing to choose from.
Tensor quantile(Operand input, double q, std::optional<std::int64_t> dim = std::nullopt,
                bool keepdim = false);
Tensor quantile(Operand input, std::span<const double> q, std::optional<std::int64_t> dim = std::nullopt,
                bool keepdim = false);
inline Tensor quantile(Operand input, std::initializer_list<double> q,
                       std::optional<std::int64_t> dim = std::nullopt, bool keepdim = false) {
  return quantile(input, std::span(q.begin(), q.size()), dim, keepdim);
}

// Whether any or all elements of a bool tensor are true. Of nothing: false, true. Errors: DtypeError for
// numbers.
Tensor any(Operand input, const Dims& dims = {}, bool keepdim = false);
Tensor all(Operand input, const Dims& dims = {}, bool keepdim = false);

// Undoes a broadcast from `shape`: sums over the axes that it lacks or has with size 1. x itself where
// nothing is to be done. Errors: ShapeError where `shape` does not broadcast to x's.
Tensor sum_to(Operand input, const Shape& shape);

}  // namespace gradus
