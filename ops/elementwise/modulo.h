// What fmod and remainder share. Internal to their files.
#pragma once

#include "gradus/graph/op_def.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"

namespace gradus {

// Errors: ValueError where an integer divisor, input 1, is 0.
void refuse_zero_divisor(const KernelContext& c);

// dy/da = 1; dy/db = -round(a / b), a step function, so a constant for second order. `round` is trunc or
// floor.
void modulo_rule(RuleContext& c, Tensor (*round)(Operand));

// Samples and error samples of the op called `op`.
void modulo_samples(SampleSink& s, const char* op);

}  // namespace gradus
