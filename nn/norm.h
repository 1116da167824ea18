// Normalisations with parameters and running statistics. Formulas, sources and errors of calls: ops/norm.h.
// Weights start as ones and biases as zeros. Errors of constructors: ValueError for a size below 1 and what
// else is said; DtypeError.
#pragma once

#include <optional>

#include "gradus/nn/unary_module.h"
#include "gradus/ops/norm.h"

namespace gradus::nn {

struct BatchNormLayerOptions {
  double eps = 1e-5;
  // How far the running statistics move towards those of a batch; nullopt: they are the mean over all
  // batches.
  std::optional<double> momentum = 0.1;
  bool affine = true;  // has weight and bias
  bool track_running_stats = true;
  DType dtype = DType::f32;
};

// By channels, axis 1 of [N, C, places...] (1d: or [N, C]). In training with the statistics of the batch,
// which the running ones then follow; in eval mode with the running ones, or the batch's where there are
// none. A call in training changes the buffers, so that no other thread may use the module meanwhile.
template <int spatial>
struct BatchNorm : UnaryModule {
  Parameter weight;            // [num_features]; undefined unless affine
  Parameter bias;              // the same
  Buffer running_mean;         // [num_features], zeros at first; undefined unless track_running_stats
  Buffer running_var;          // the same, ones
  Buffer num_batches_tracked;  // i64 scalar
  GRADUS_MEMBERS(weight, bias, running_mean, running_var, num_batches_tracked)

  explicit BatchNorm(std::int64_t num_features, const BatchNormLayerOptions& options = {},
                     Location where = Location::current());
  // Errors: also ShapeError for another rank or number of channels.
  Tensor forward(Operand x) const override;
  void reset_running_stats();
  std::string type_name() const override;
  std::string options_text() const override;

  std::int64_t num_features;
  double eps;
  std::optional<double> momentum;
};
using BatchNorm1d = BatchNorm<1>;
using BatchNorm2d = BatchNorm<2>;
using BatchNorm3d = BatchNorm<3>;
extern template struct BatchNorm<1>;
extern template struct BatchNorm<2>;
extern template struct BatchNorm<3>;

struct InstanceNormLayerOptions {
  double eps = 1e-5;
  double momentum = 0.1;
  bool affine = false;
  bool track_running_stats = false;
  DType dtype = DType::f32;
};

// By sample and channel of [N, C, places...] or [C, places...]; with running statistics these take their
// place in eval mode.
template <int spatial>
struct InstanceNorm : UnaryModule {
  Parameter weight, bias;
  Buffer running_mean, running_var;
  Buffer num_batches_tracked;  // stays 0, as in PyTorch; it is there for the names of files
  GRADUS_MEMBERS(weight, bias, running_mean, running_var, num_batches_tracked)

  explicit InstanceNorm(std::int64_t num_features, const InstanceNormLayerOptions& options = {},
                        Location where = Location::current());
  Tensor forward(Operand x) const override;
  void reset_running_stats();
  std::string type_name() const override;
  std::string options_text() const override;

  std::int64_t num_features;
  double eps;
  double momentum;
};
using InstanceNorm1d = InstanceNorm<1>;
using InstanceNorm2d = InstanceNorm<2>;
using InstanceNorm3d = InstanceNorm<3>;
extern template struct InstanceNorm<1>;
extern template struct InstanceNorm<2>;
extern template struct InstanceNorm<3>;

struct LayerNormLayerOptions {
  double eps = 1e-5;
  bool elementwise_affine = true;
  bool bias = true;
  DType dtype = DType::f32;
};

// Over the last axes, whose sizes are normalized_shape: LayerNorm({64}).
struct LayerNorm : UnaryModule {
  Parameter weight;  // normalized_shape
  Parameter bias;
  GRADUS_MEMBERS(weight, bias)

  explicit LayerNorm(const Shape& normalized_shape, const LayerNormLayerOptions& options = {},
                     Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  Shape normalized_shape;
  double eps;
};

struct RMSNormLayerOptions {
  std::optional<double> eps = std::nullopt;  // the dtype's epsilon
  bool elementwise_affine = true;
  DType dtype = DType::f32;
};

struct RMSNorm : UnaryModule {
  Parameter weight;  // normalized_shape
  GRADUS_MEMBERS(weight)

  explicit RMSNorm(const Shape& normalized_shape, const RMSNormLayerOptions& options = {},
                   Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  Shape normalized_shape;
  std::optional<double> eps;
};

struct GroupNormLayerOptions {
  double eps = 1e-5;
  bool affine = true;
  DType dtype = DType::f32;
};

// By sample and groups of channels. Errors: ValueError where num_groups does not divide num_channels.
struct GroupNorm : UnaryModule {
  Parameter weight;  // [num_channels]
  Parameter bias;
  GRADUS_MEMBERS(weight, bias)

  GroupNorm(std::int64_t num_groups, std::int64_t num_channels, const GroupNormLayerOptions& options = {},
            Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t num_groups, num_channels;
  double eps;
};

struct LocalResponseNorm : UnaryModule {
  GRADUS_MEMBERS()
  explicit LocalResponseNorm(std::int64_t size, const LocalResponseNormOptions& options = {},
                             Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t size;
  LocalResponseNormOptions options;
};

}  // namespace gradus::nn
