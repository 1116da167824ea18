// Attributes of the ops that sort and choose, and what their files share. Internal to ops/ and its tests.
#pragma once

#include "gradus/graph/samples.h"
#include "gradus/ops/reduction.h"

namespace gradus {

struct SortAttrs {
  std::int64_t dim = -1;
  bool descending = false;
};
struct TopkAttrs {
  std::int64_t k;
  std::int64_t dim = -1;
  bool largest = true;
};
struct KthvalueAttrs {
  std::int64_t k;
  std::int64_t dim = -1;
  bool keepdim = false;
};

// The gradient of values at the places that output 1 tells. `kept`: the outputs have the axis.
void route_to_places(RuleContext& c, std::int64_t dim, bool kept);

// op's two outputs.
ValuesIndices apply_values_indices(const OpDef& op, Operand input, const void* attrs);

void sample_sort(SampleSink& s);

}  // namespace gradus
