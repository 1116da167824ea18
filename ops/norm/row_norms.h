// Shapes that layer_norm, rms_norm and their derivatives share. Internal to ops/norm/.
#pragma once

#include "gradus/ops/norm/params.h"

namespace gradus {

// Floating inputs of one dtype; the shape of inputs first..end-1 is that of the last axes of `input`. Errors:
// DtypeError, ShapeError.
void require_rows(const InferContext& c, int input, int first, int end);
// The shape of the statistics: that of input with size 1 along the normalised axes.
Shape statistics_shape(const InferContext& c, int input, int weight);
// Inputs first..end-1 have that shape. Errors: ShapeError.
void require_statistics(const InferContext& c, int input, int weight, int first, int end);
kernels::RowNorm row_norm_params(const View& x, const View& weight, bool centered);
// Axes -n..-1.
Dims last_axes(int n);
// normalized_shape against input and the parameters. Errors: ShapeError.
void check_normalized_shape(const Tensor& input, const Shape& shape, const char* op, Location where);

}  // namespace gradus
