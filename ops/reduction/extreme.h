// What amax, amin, max, min, argmax and argmin have in common. Internal to ops/ and its tests.
#pragma once

#include "gradus/graph/op_def.h"
#include "gradus/graph/samples.h"

namespace gradus {

// Of max and min along one axis.
struct DimAttrs {
  std::int64_t dim;
  bool keepdim = false;
};

// Of argmax and argmin: one axis, or none for the whole tensor.
struct ArgReduceAttrs {
  Dims dims;
  bool keepdim = false;
};

// amax, amin: the cotangent in equal shares to all elements that have the extreme value.
void share_extreme(RuleContext& c);
// max, min along an axis: the cotangent to the one place that output 1 tells.
void route_extreme(RuleContext& c);

void infer_extreme(InferContext& c);
void infer_extreme_along(InferContext& c);
void infer_arg(InferContext& c);

void extreme_along(const KernelContext& c, bool largest);
void arg_extreme(const KernelContext& c, bool largest);

void sample_extreme(SampleSink& s);
void sample_extreme_along(SampleSink& s);
void sample_arg(SampleSink& s);

}  // namespace gradus
