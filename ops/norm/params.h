// Attributes of the normalisations, their fused derivatives, and what they share. Internal to ops/ and its
// tests.
#pragma once

#include <array>

#include "gradus/graph/apply.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/kernels/norm.h"
#include "gradus/ops/pack.h"

namespace gradus {

struct NormEpsAttrs {
  double eps = 1e-5;
};
struct GroupNormAttrs {
  std::int64_t num_groups;
  double eps = 1e-5;
};
// Without `parameters` the gradients of weight and bias have no elements.
struct RowNormBackwardAttrs {
  bool parameters = true;
};

// The gradients of layer_norm for input, weight and bias from the cotangent g and the statistics.
std::array<Tensor, 3> layer_norm_backward(Operand g, Operand input, Operand weight, Operand mean,
                                          Operand rstd, bool parameters);
// The gradients of rms_norm for input and weight.
std::array<Tensor, 2> rms_norm_backward(Operand g, Operand input, Operand weight, Operand rstd,
                                        bool parameters);
// The gradients of batch_norm and of group_norm for input, weight and bias.
std::array<Tensor, 3> batch_norm_backward(Operand g, Operand input, Operand weight, Operand mean, Operand var,
                                          double eps);
std::array<Tensor, 3> group_norm_backward(Operand g, Operand input, Operand weight, Operand mean,
                                          Operand rstd, const GroupNormAttrs& attrs);

// y, mean, 1 / sqrt(var + eps); see group_norm.
std::array<Tensor, 3> group_norm_with_statistics(Operand input, Operand weight, Operand bias,
                                                 const GroupNormAttrs& attrs);
// batch_norm with statistics that are given.
Tensor batch_norm_eval(Operand input, Operand weight, Operand bias, Operand mean, Operand var, double eps);

// Moves running statistics, where defined, in place towards mean and the unbiased variance of `count` values.
void follow_statistics(const Tensor& running_mean, const Tensor& running_var, const Tensor& mean,
                       const Tensor& var, double count, double momentum, Location where);

// eps is a number that is not negative. Errors: ValueError.
void require_eps(const InferContext& c, double eps);
// Inputs i.. are lists with one element a channel (axis 1 of input 0). Errors: ShapeError.
void require_channels(const InferContext& c, int input, int first, int end);
// Weight and bias of a user function, or ones and zeros [shape] where they are not given.
Tensor weight_or_ones(const Tensor& weight, const Tensor& input, const Shape& shape, Location where);
Tensor bias_or_zeros(const Tensor& bias, const Tensor& input, const Shape& shape, Location where);

// How the kernels by channels read an array: dense ones in place, others through a packed copy.
struct ChannelOrder {
  bool pack;
  bool last;  // channels are neighbours in memory
  std::int64_t samples, inner;
};
// Channels are axis 1. `by_sample`: samples (axis 0) have statistics of their own and lie one after another.
ChannelOrder channel_order(const std::int64_t* dims, const std::int64_t* strides, int rank, bool by_sample);
kernels::ChannelNorm channel_norm_params(const View& x, const ChannelOrder& order, std::int64_t groups,
                                         double eps);
// The bytes of scratch of a kernel by channels that reads the array `x`, its cotangent `g` unless that is -1,
// and lists; output 0 gets the layout of x.
void plan_channels(InferContext& c, int x, int g, std::int64_t groups, double eps);
// x as the kernel reads it: itself or a copy in *scratch, which moves on; g in the same order.
const void* packed_channels(const View& x, const ChannelOrder& order, std::byte** scratch);
const void* packed_like(const View& g, const View& x, const ChannelOrder& order, std::byte** scratch);

// A list, or statistics, row-major.
inline const void* packed_list(const View& v, std::byte** scratch) { return pack(v, scratch).data; }

// All axes but 1.
Dims all_but_channels(int rank);
// The sum over these axes.
Tensor channel_sum(const Tensor& x);
// A list [channels] as it broadcasts against an array of `rank` axes with channels on axis 1.
Tensor by_channel(const Tensor& list, int rank);

// The normalisation xhat = (x - mean) rstd, y = xhat weight + bias with statistics over the axes `dims`, and
// its first derivative, in ops: what the rules of the fused derivatives are made of. weight, mean and rstd
// broadcast against x; mean is undefined where nothing is centered.
struct NormTerms {
  Tensor g, x, weight, mean, rstd;
  Dims dims;
};
// Gradients in the shape of the terms; weight in that of x, to be summed.
struct NormGradients {
  Tensor g, x, weight, mean, rstd;
};
// From the cotangents of dx, dweight and dbias; the latter two broadcast against x or are undefined.
NormGradients norm_second_order(const NormTerms& t, const Tensor& of_dx, const Tensor& of_dweight,
                                const Tensor& of_dbias);
// The gradient for x from cotangents of mean and of `var`, either of which may be undefined.
Tensor statistics_gradient(const Tensor& x, const Tensor& mean, const Tensor& of_mean, const Tensor& of_var,
                           const Dims& dims);
// d var / d rstd = -2 / rstd^3, so a cotangent of rstd becomes one of var: of_rstd (-rstd^3 / 2).
Tensor variance_cotangent(const Tensor& of_rstd, const Tensor& rstd);

}  // namespace gradus
