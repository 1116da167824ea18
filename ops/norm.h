// Normalisations. Floating; weight and bias are optional and of input's dtype. Batch, group and instance
// norm have channels on axis 1 and keep the order of memory of a dense input. Names, argument order and
// defaults are PyTorch's. Errors of all: DtypeError, ShapeError, ValueError for a negative eps. What the
// statistics of a single value would be is refused, since its result is the bias whatever the value.
#pragma once

#include <cstdint>
#include <optional>

#include "gradus/graph/apply.h"
#include "gradus/graph/shape.h"

namespace gradus {

struct LayerNormOptions {
  Tensor weight = {};  // [normalized_shape]
  Tensor bias = {};
  double eps = 1e-5;
};
// (x - mean) / sqrt(var + eps) weight + bias, mean and biased variance over the last axes, whose sizes are
// normalized_shape. J. L. Ba, J. R. Kiros, G. E. Hinton: "Layer normalization", 2016.
Tensor layer_norm(Operand input, const Shape& normalized_shape, const LayerNormOptions& options = {});

struct RmsNormOptions {
  Tensor weight = {};                        // [normalized_shape]
  std::optional<double> eps = std::nullopt;  // the dtype's epsilon unless given
};
// x / sqrt(mean(x^2) + eps) weight, the mean over the last axes, whose sizes are normalized_shape. B. Zhang,
// R. Sennrich: "Root mean square layer normalization", 2019.
Tensor rms_norm(Operand input, const Shape& normalized_shape, const RmsNormOptions& options = {});

struct BatchNormOptions {
  Tensor weight = {};  // [channels]
  Tensor bias = {};
  bool training = false;
  double momentum = 0.1;
  double eps = 1e-5;
};
// (x - mean) / sqrt(var + eps) weight + bias by channels. In training the statistics are those of the input
// over all axes but the channels', var the biased one, and running_mean and running_var, where defined, move
// in place by `momentum` towards the mean and the unbiased variance; otherwise they are the statistics.
// S. Ioffe, C. Szegedy: "Batch normalization", 2015. Errors: ValueError for a single value a channel in
// training, and for running statistics that are missing outside of it.
Tensor batch_norm(Operand input, const Tensor& running_mean, const Tensor& running_var,
                  const BatchNormOptions& options = {});

struct GroupNormOptions {
  Tensor weight = {};  // [channels]
  Tensor bias = {};
  double eps = 1e-5;
};
// The same with statistics for each sample (axis 0) and each of num_groups groups of neighbouring channels.
// Y. Wu, K. He: "Group normalization", 2018. Errors: ValueError where num_groups does not divide the channels
// or a group has a single value.
Tensor group_norm(Operand input, std::int64_t num_groups, const GroupNormOptions& options = {});

struct InstanceNormOptions {
  Tensor running_mean = {};
  Tensor running_var = {};
  Tensor weight = {};  // [channels]
  Tensor bias = {};
  bool use_input_stats = true;
  double momentum = 0.1;
  double eps = 1e-5;
};
// The same with statistics for each sample and channel; running statistics, where defined, move towards their
// means over the samples. Without use_input_stats it is batch_norm with the running statistics. D. Ulyanov,
// A. Vedaldi, V. Lempitsky: "Instance normalization", 2016. Errors: ValueError for a single value a channel.
Tensor instance_norm(Operand input, const InstanceNormOptions& options = {});

struct LocalResponseNormOptions {
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1;
};
// x / (k + alpha mean(x^2))^beta, the mean over `size` neighbouring channels, size / 2 of them before the
// channel; channels outside count as 0. A. Krizhevsky, I. Sutskever, G. E. Hinton: "ImageNet classification
// with deep convolutional neural networks", 2012, 3.3. Errors: ValueError for size < 1.
Tensor local_response_norm(Operand input, std::int64_t size, const LocalResponseNormOptions& options = {});

// x / max(norm(x, p) along dim, eps).
Tensor normalize(Operand input, double p = 2, std::int64_t dim = 1, double eps = 1e-12);

}  // namespace gradus
