// Pooling: the largest element, the mean or the p-norm of every window of an array [N, C, spatial...] or
// [C, spatial...]. Results keep the layout of the input: with channels last (strides of [N, spatial..., C])
// they come with channels last. A single number for a kernel, stride, padding or dilation stands for all
// spatial axes. Errors of all: ShapeError for another rank, a window larger than the padded input, an axis of
// no elements; ValueError for sizes and strides below 1 and for paddings that are negative or more than half
// of the window; DtypeError for bool, and for integers where "floating" is written.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/ops/reduction.h"

namespace gradus {

struct MaxPoolOptions {
  Dims stride{};           // the kernel's size where empty
  Dims padding{0};         // on both sides
  Dims padding_end{};      // behind, where it differs; both sides may then be up to the window's size - 1
  Dims dilation{1};        // places from one element of a window to the next
  bool ceil_mode = false;  // a last window may start inside and end behind the padding
};
// The largest element of each window: the first of several equal ones; a NaN wins. The whole gradient goes to
// that element.
Tensor max_pool1d(Operand input, const Dims& kernel_size, const MaxPoolOptions& options = {});
Tensor max_pool2d(Operand input, const Dims& kernel_size, const MaxPoolOptions& options = {});
Tensor max_pool3d(Operand input, const Dims& kernel_size, const MaxPoolOptions& options = {});
// And where it was: i64, row-major in the spatial axes of one channel.
ValuesIndices max_pool1d_with_indices(Operand input, const Dims& kernel_size,
                                      const MaxPoolOptions& options = {});
ValuesIndices max_pool2d_with_indices(Operand input, const Dims& kernel_size,
                                      const MaxPoolOptions& options = {});
ValuesIndices max_pool3d_with_indices(Operand input, const Dims& kernel_size,
                                      const MaxPoolOptions& options = {});

struct MaxUnpoolOptions {
  Dims stride{};  // the kernel's size where empty
  Dims padding{0};
  Dims output_size{};  // spatial sizes of the result where they are not (n - 1) stride - 2 padding + kernel
};
// Zeros with the elements of input at the places that max_pool2d_with_indices gave. Errors: also ValueError
// for an index out of range.
Tensor max_unpool1d(Operand input, Operand indices, const Dims& kernel_size,
                    const MaxUnpoolOptions& options = {});
Tensor max_unpool2d(Operand input, Operand indices, const Dims& kernel_size,
                    const MaxUnpoolOptions& options = {});
Tensor max_unpool3d(Operand input, Operand indices, const Dims& kernel_size,
                    const MaxUnpoolOptions& options = {});

struct AvgPoolOptions {
  Dims stride{};       // the kernel's size where empty
  Dims padding{0};     // on both sides, with zeros
  Dims padding_end{};  // behind, where it differs; both sides may then be up to the window's size - 1
  bool ceil_mode = false;
  bool count_include_pad = true;      // the divisor counts places in the padding
  std::int64_t divisor_override = 0;  // the divisor, where not 0
};
// The mean of each window; floating.
Tensor avg_pool1d(Operand input, const Dims& kernel_size, const AvgPoolOptions& options = {});
Tensor avg_pool2d(Operand input, const Dims& kernel_size, const AvgPoolOptions& options = {});
Tensor avg_pool3d(Operand input, const Dims& kernel_size, const AvgPoolOptions& options = {});

struct LpPoolOptions {
  Dims stride{};       // the kernel's size where empty
  Dims padding{0};     // on both sides, with zeros
  Dims padding_end{};  // as for avg_pool
  bool ceil_mode = false;
};
// (sum |x|^p)^(1/p) over each window; floating. Errors: also ValueError for p that is not above 0.
Tensor lp_pool1d(Operand input, double p, const Dims& kernel_size, const LpPoolOptions& options = {});
Tensor lp_pool2d(Operand input, double p, const Dims& kernel_size, const LpPoolOptions& options = {});
Tensor lp_pool3d(Operand input, double p, const Dims& kernel_size, const LpPoolOptions& options = {});

// The same over output_size windows an axis: window i reads the places floor(i n / size) to
// ceil((i + 1) n / size) - 1.
Tensor adaptive_max_pool1d(Operand input, const Dims& output_size);
Tensor adaptive_max_pool2d(Operand input, const Dims& output_size);
Tensor adaptive_max_pool3d(Operand input, const Dims& output_size);
ValuesIndices adaptive_max_pool1d_with_indices(Operand input, const Dims& output_size);
ValuesIndices adaptive_max_pool2d_with_indices(Operand input, const Dims& output_size);
ValuesIndices adaptive_max_pool3d_with_indices(Operand input, const Dims& output_size);
Tensor adaptive_avg_pool1d(Operand input, const Dims& output_size);
Tensor adaptive_avg_pool2d(Operand input, const Dims& output_size);
Tensor adaptive_avg_pool3d(Operand input, const Dims& output_size);

}  // namespace gradus
