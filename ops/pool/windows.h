// Attributes of the pooling ops, and what their files share: the windows that attributes describe, checked,
// and the layout of arrays. Internal to ops/ and to tests.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>

#include "gradus/graph/apply.h"
#include "gradus/graph/op_def.h"
#include "gradus/ops/channels.h"
#include "gradus/ops/reduction.h"

namespace gradus {

namespace kernels {
struct PoolShape;
struct PoolDivisor;
}  // namespace kernels

// One number a spatial axis each.
struct MaxPoolAttrs {
  Dims kernel, stride, dilation, before, after;
  bool ceil_mode = false;
};
struct AvgPoolAttrs {
  Dims kernel, stride, before, after;
  bool ceil_mode = false;
  bool count_include_pad = true;
  std::int64_t divisor_override = 0;
};
struct AdaptivePoolAttrs {
  Dims output_size;
};
// Windows of either kind (adaptive ones where output_size is not empty) over an array of `shape`.
struct MaxPoolBackwardAttrs {
  Dims kernel, stride, dilation, before, after;
  bool ceil_mode = false;
  Dims output_size;
  Shape shape;
};
struct AvgPoolBackwardAttrs {
  Dims kernel, stride, before, after;
  bool ceil_mode = false;
  bool count_include_pad = true;
  std::int64_t divisor_override = 0;
  Dims output_size;
  Shape shape;
};

// The windows as the attributes have them.
struct Windows {
  Dims kernel, stride, dilation, before, after;
  bool ceil_mode = false;
  Dims output_size;

  int spatial() const { return output_size.empty() ? kernel.size() : output_size.size(); }
};
Windows windows_of(const MaxPoolAttrs& a);
Windows windows_of(const AvgPoolAttrs& a);
Windows windows_of(const AdaptivePoolAttrs& a);
Windows windows_of(const MaxPoolBackwardAttrs& a);
Windows windows_of(const AvgPoolBackwardAttrs& a);

// The axes of `windows` over an array of this shape; outer and inner are left alone. Errors: as ops/pool.h
// has them; `what` names the array.
kernels::PoolShape checked_windows(const InferContext& c, const Windows& windows, const Shape& shape,
                                   const std::string& what);
// The same for a kernel, whose infer has checked, with outer and inner for the layout.
kernels::PoolShape pool_shape(const Windows& windows, const std::int64_t* dims, int rank,
                              ChannelLayout layout);
// The shape of the pooled array.
Shape pooled_shape(const kernels::PoolShape& s, const Shape& shape, const Windows& windows);
// Errors: ShapeError unless input i has the shape of an array of `shape` pooled by these windows.
kernels::PoolShape require_pooled(const InferContext& c, int i, const Windows& windows, const Shape& shape);

// Errors: DtypeError unless input i has the dtype of places, ShapeError unless it has the shape of input j.
void require_places(const InferContext& c, int i, int j, const kernels::PoolShape& s);
// Errors: ValueError for a place (input i, as it lies in `places`) beyond the window.
void require_places_inside(const KernelContext& c, int i, const kernels::PoolShape& s, const View& places);
// u8 numbers for samples.
Tensor sample_places(const Shape& shape, std::initializer_list<int> v);

// A list with one number for each of `spatial` axes, from one number or as many. Errors: ValueError.
Dims spread(const Dims& given, int spatial, const char* name, const char* op, Location where);
// Errors: ValueError for paddings above half of the window.
void require_half_padding(const Dims& padding, const Dims& kernel, const Dims& dilation, const Operand& input,
                          const char* op);

// Errors: ShapeError unless input has `spatial` axes and one or two more.
void require_spatial(const Operand& input, int spatial, const char* op);

// infer, kernel and rule of max_pool and adaptive_max_pool.
void infer_max_pool(InferContext& c, const Windows& windows);
void run_max_pool(KernelContext& c, const Windows& windows);
void differentiate_max_pool(RuleContext& c, const Windows& windows);
// infer and kernel of avg_pool and adaptive_avg_pool.
void infer_avg_pool(InferContext& c, const Windows& windows);
void run_avg_pool(KernelContext& c, const Windows& windows, kernels::PoolDivisor divisor);

// max_pool2d of an op (max_pool or adaptive_max_pool): the values, and the indices where they are asked for.
ValuesIndices apply_max_pool(const OpDef& op, const Operand& input, const void* attrs, const Windows& windows,
                             bool with_indices);

// The ops behind the rules.
Tensor max_pool_backward(const Tensor& g, const Tensor& places, const MaxPoolBackwardAttrs& attrs);
Tensor max_pool_take(const Tensor& x, const Tensor& places, const MaxPoolBackwardAttrs& attrs);
Tensor avg_pool_backward(const Tensor& g, const AvgPoolBackwardAttrs& attrs);

}  // namespace gradus
