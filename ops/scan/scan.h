// What scans have in common. Internal to ops/ and its tests.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/graph/samples.h"

namespace gradus {

struct ScanAttrs {
  std::int64_t dim;
};
struct CumsumAttrs {
  std::int64_t dim;
  bool exclusive = false, reverse = false;
};
struct LinearScanAttrs {
  std::int64_t dim;
  bool reverse = false;
};

// The first-order recurrence s[k] = b[k] + a[k] s[k-1] along dim, from s[-1] = 0. `reverse` is the transposed
// map for the same a: s[k] = b[k] + a[k+1] s[k+1]. Both ways a[0] is not read. a and b have one shape and
// floating dtype. Differentiable.
Tensor linear_scan(Operand a, Operand b, std::int64_t dim, bool reverse = false);

// t moved by one place along dim: `first`, t[0], ..., t[n-2].
Tensor shift_right(const Tensor& t, int axis, double first);

// cummax, cummin: the elements and the places up to which they were the extreme one.
void infer_cumulative_extreme(InferContext& c);
void cumulative_extreme(const KernelContext& c, bool largest);
void route_cumulative_extreme(RuleContext& c);
void sample_cumulative_extreme(SampleSink& s);

}  // namespace gradus
