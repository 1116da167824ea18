// Attributes of the convolution ops and what their files share. Internal to ops/ and to tests.
//
// conv, conv_transpose and conv_weight_backward are the derivatives of one sum by its three operands,
//   sum w[o, c, k] x[n, c, p stride - padding + k dilation] y[n, o, p],
// and so the derivatives of each other: see kernels/conv.h.
#pragma once

#include <cstdint>

#include "gradus/graph/op_def.h"
#include "gradus/ops/conv.h"
#include "gradus/ops/kernels/conv.h"

namespace gradus {

// One number a spatial axis. Negative paddings take elements of x away instead.
struct ConvAttrs {
  Dims stride, padding, padding_end, dilation;
  std::int64_t groups = 1;
};
// The kernel's sizes cannot be told from those of x and y.
struct ConvWeightAttrs {
  Dims stride, padding, dilation;
  Shape kernel;
  std::int64_t groups = 1;
};

// y from x and w; x from y and w, of the size from which conv with these attributes makes y's; w from x and
// y.
Tensor conv(const Tensor& x, const Tensor& w, const ConvAttrs& attrs);
Tensor conv_transpose(const Tensor& y, const Tensor& w, const ConvAttrs& attrs);
Tensor conv_weight_backward(const Tensor& x, const Tensor& y, const ConvWeightAttrs& attrs);

// Those attributes with the padding_end for which x of `in` places gives y of `out` and back. Shapes are
// those of the whole arrays.
ConvAttrs attrs_between(const Dims& stride, const Dims& padding, const Dims& dilation, std::int64_t groups,
                        const Shape& x, const Shape& kernel, const Shape& y);
// The sizes of the spatial axes.
Shape spatial(const Shape& shape);

// What conv and conv_transpose ask of their inputs 0 (images) and 1 (weights), but for the relation of their
// channels. Gives the number of spatial axes. Errors: ShapeError, ValueError, DtypeError.
int check_conv(const InferContext& c, const ConvAttrs& a);
// A bias of one number for each of `channels`. Errors: ShapeError.
void check_bias(const InferContext& c, std::int64_t channels);
// Errors: ValueError for a number outside least..2^31 - 1, ShapeError where there is not one for each of
// `axes`.
void check_numbers(const InferContext& c, const char* name, const SmallList& numbers, int axes,
                   std::int64_t least);

// The kernel's reach along an axis: dilation (size - 1) + 1; in 128 bits, since sizes of empty arrays may be
// anything.
inline __int128 reach(std::int64_t size, std::int64_t dilation) {
  return static_cast<__int128>(size - 1) * dilation + 1;
}

kernels::ConvShape conv_shape(const Dims& stride, const Dims& padding, const Dims& dilation,
                              std::int64_t groups, const std::int64_t* x, const std::int64_t* w,
                              const std::int64_t* y);

// Sets the output's strides to channels-last.
void set_channels_last(OutputMeta& out);

// g with channels-last strides, for a rule that reads it more than once.
Tensor channels_last(const Tensor& g);

// The cotangent summed over all axes but the channels.
Tensor bias_gradient(const Tensor& g);

// The options of a user function as one number a spatial axis, and inputs without a batch axis.
struct ConvCall {
  const char* name;
  int axes;
  Location where;

  // Errors: ValueError unless there are 1 or `axes` numbers.
  Dims each(const char* option, const Dims& numbers) const;
  // Errors: ValueError for a negative one.
  Dims padding(const char* option, const Dims& numbers) const;
  // Calls the op on inputs with a batch axis. Errors: ShapeError for another rank, ValueError for an empty
  // handle.
  Tensor apply(const OpDef& op, const Operand& input, const Operand& weight, const Operand* bias,
               const ConvAttrs& attrs) const;
};

}  // namespace gradus
