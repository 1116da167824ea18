// Every header of per-target code, for precompiled.h. One that is missing here is missing in the op files for
// all instruction sets but the first, so the compiler finds it.
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math-inl.h"
#include "gradus/ops/kernels/math_arc-inl.h"
#include "gradus/ops/kernels/math_erf-inl.h"
#include "gradus/ops/kernels/math_exp2-inl.h"
#include "gradus/ops/kernels/math_hyperbolic-inl.h"
#include "gradus/ops/kernels/math_mod-inl.h"
#include "gradus/ops/kernels/reduce-inl.h"
#include "gradus/ops/kernels/simd-inl.h"
