// Arithmetic, element by element. Two tensors broadcast against each other; their dtypes promote as in the
// array API standard (the wider one of two floating or two integer types; an integer beside a floating tensor
// is a DtypeError). A C++ number takes the dtype of the tensor beside it. bool tensors are refused: astype()
// first. Integers wrap around. Values and gradients at zeros, ties and bounds: docs/numerics.md.
#pragma once

#include <optional>

#include "gradus/ops/scalar.h"

namespace gradus {

// a + b. Numbers. Errors: ShapeError, DtypeError.
Tensor add(Operand a, Operand b);
Tensor add(Operand a, Scalar b);
Tensor add(Scalar a, Operand b);

// a - b. Numbers. Errors: ShapeError, DtypeError.
Tensor sub(Operand a, Operand b);
Tensor sub(Operand a, Scalar b);
Tensor sub(Scalar a, Operand b);

// a * b. Numbers. Errors: ShapeError, DtypeError.
Tensor mul(Operand a, Operand b);
Tensor mul(Operand a, Scalar b);
Tensor mul(Scalar a, Operand b);

// a / b, true division. Floating; integers: DtypeError, convert them. Errors: ShapeError, DtypeError.
Tensor div(Operand a, Operand b);
Tensor div(Operand a, Scalar b);
Tensor div(Scalar a, Operand b);

// a to the power b. Numbers. Errors: ShapeError, DtypeError, ValueError for integers to a negative power.
Tensor pow(Operand a, Operand b);
Tensor pow(Operand a, Scalar b);
Tensor pow(Scalar a, Operand b);

// The larger / the smaller of a and b; NaN where one of them is NaN. Numbers. Errors: ShapeError, DtypeError.
Tensor maximum(Operand a, Operand b);
Tensor maximum(Operand a, Scalar b);
Tensor maximum(Scalar a, Operand b);
Tensor minimum(Operand a, Operand b);
Tensor minimum(Operand a, Scalar b);
Tensor minimum(Scalar a, Operand b);

// -x. Numbers.
Tensor neg(Operand input);
// |x|. Numbers.
Tensor abs(Operand input);
// -1, 0 or 1; 0 for NaN. Numbers.
Tensor sign(Operand input);
// x * x. Numbers.
Tensor square(Operand input);
// 1 / x. Floating.
Tensor reciprocal(Operand input);
// The square root; NaN below 0. Floating.
Tensor sqrt(Operand input);
// 1 / sqrt(x). Floating.
Tensor rsqrt(Operand input);

// What is left of a after b was taken away as often as it fits: with the sign of a (as C's fmod and %), or
// with the sign of b (as Python's %). Numbers. Errors: ShapeError, DtypeError, ValueError for an integer
// divisor 0.
Tensor fmod(Operand a, Operand b);
Tensor fmod(Operand a, Scalar b);
Tensor fmod(Scalar a, Operand b);
Tensor remainder(Operand a, Operand b);
Tensor remainder(Operand a, Scalar b);
Tensor remainder(Scalar a, Operand b);

// The next whole number below / above / nearest (halves to the even one) / towards 0. Numbers; the gradient
// is zero.
Tensor floor(Operand input);
Tensor ceil(Operand input);
Tensor round(Operand input);
Tensor trunc(Operand input);

// |a| with the sign of b, also of a zero. Floating. Errors: ShapeError, DtypeError.
Tensor copysign(Operand a, Operand b);
Tensor copysign(Operand a, Scalar b);

// input + weight (end - input), which is end exactly at weight 1. All three broadcast; floating tensors of
// one dtype. Errors: ShapeError, DtypeError.
Tensor lerp(Operand input, Operand end, Operand weight);
Tensor lerp(Operand input, Operand end, Scalar weight);

// input + value tensor1 tensor2; all three broadcast. Numbers of one dtype. Errors: ShapeError, DtypeError,
// also for a value that is no number of the dtype.
Tensor addcmul(Operand input, Operand tensor1, Operand tensor2, Scalar value = 1);

// x held within [min, max]; a missing bound does not bound. Where min > max every element becomes max.
// Numbers. Errors: ValueError with neither bound or one that does not fit the dtype, DtypeError for a
// floating-point bound on integers.
Tensor clamp(Operand input, std::optional<Scalar> min, std::optional<Scalar> max = std::nullopt);

// input where condition, other elsewhere; all three broadcast. Any dtype; condition is bool. The branch not
// taken gets a gradient of exactly zero. Errors: ShapeError, DtypeError.
Tensor where(Operand condition, Operand input, Operand other);
Tensor where(Operand condition, Operand input, Scalar other);
Tensor where(Operand condition, Scalar input, Operand other);

}  // namespace gradus
