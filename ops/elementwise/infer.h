// What elementwise ops infer: inputs of one dtype that broadcast. Internal to op files.
#pragma once

#include "gradus/graph/op_def.h"
#include "gradus/ops/kernels/elementwise.h"

namespace gradus {

// All inputs from `first` on have one dtype that the loops support; the output has it too, or `dtype`.
// Errors: DtypeError, ShapeError.
void infer_elementwise(InferContext& c, const kernels::ElementwiseLoops& loops, int first = 0);
void infer_predicate(InferContext& c, const kernels::ElementwiseLoops& loops);

// A gradient that is zero everywhere, in the shape and dtype of input i.
Tensor zero_gradient(const RuleContext& c, int i);

// The values of `t` without history: for what a derivative depends on only through steps.
inline Tensor constant(const Tensor& t) { return t.requires_grad() ? t.detach() : t; }

}  // namespace gradus
