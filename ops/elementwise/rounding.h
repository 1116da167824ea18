// What floor, ceil, round and trunc share. Internal to their files.
#pragma once

#include "gradus/graph/op_def.h"
#include "gradus/graph/samples.h"

namespace gradus {

// Steps: the derivative is 0 everywhere, at the steps too.
void rounding_rule(RuleContext& c);

// Samples and error samples of the op called `op`.
void rounding_samples(SampleSink& s, const char* op);

}  // namespace gradus
