// Vector functions of f32 and f64: math::Exp, Expm1, Sigmoid, Tanh, Log, Log1p, Sin, Cos, Tan, Pow, and what
// basic-inl.h has. Within 2 units in the last place for f32 and 4 for f64, right at 0, subnormals, infinities
// and NaN (see tests/ops/kernels/math_test.cc). A lane's result depends on that lane alone.
//
// They need fused multiply-add; instruction sets without it (the baseline) call the C library for each lane.
// Coefficients are minimax polynomials made by minimax.py.

#include "gradus/ops/kernels/math_exp-inl.h"
#include "gradus/ops/kernels/math_log-inl.h"
#include "gradus/ops/kernels/math_pow-inl.h"
#include "gradus/ops/kernels/math_tanh-inl.h"
#include "gradus/ops/kernels/math_trig-inl.h"
