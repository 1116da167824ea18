// Activations as modules, for Sequential, with the options of the functions of ops/activation.h, where their
// formulas are. Elsewhere the functions themselves do.
#pragma once

#include "gradus/nn/unary_module.h"

namespace gradus::nn {

struct ReLU : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct ReLU6 : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct Tanh : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct Sigmoid : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct SELU : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct SiLU : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct Mish : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct Hardswish : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct Hardsigmoid : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct LogSigmoid : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct Softsign : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct Tanhshrink : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

struct Softmax : UnaryModule {
  GRADUS_MEMBERS()
  explicit Softmax(std::int64_t dim = -1) : dim(dim) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t dim;
};

struct LogSoftmax : UnaryModule {
  GRADUS_MEMBERS()
  explicit LogSoftmax(std::int64_t dim = -1) : dim(dim) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t dim;
};

struct Softmin : UnaryModule {
  GRADUS_MEMBERS()
  explicit Softmin(std::int64_t dim = -1) : dim(dim) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t dim;
};

// Errors of both: ShapeError for an axis of odd size.
struct GLU : UnaryModule {
  GRADUS_MEMBERS()
  explicit GLU(std::int64_t dim = -1) : dim(dim) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t dim;
};

struct SwiGLU : UnaryModule {
  GRADUS_MEMBERS()
  explicit SwiGLU(std::int64_t dim = -1) : dim(dim) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t dim;
};

struct LeakyReLU : UnaryModule {
  GRADUS_MEMBERS()
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope(negative_slope) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double negative_slope;
};

// Errors: ValueError for min_val > max_val, when called.
struct Hardtanh : UnaryModule {
  GRADUS_MEMBERS()
  explicit Hardtanh(double min_val = -1, double max_val = 1) : min_val(min_val), max_val(max_val) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double min_val, max_val;
};

struct Threshold : UnaryModule {
  GRADUS_MEMBERS()
  Threshold(double threshold, double value) : threshold(threshold), value(value) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double threshold, value;
};

struct ELU : UnaryModule {
  GRADUS_MEMBERS()
  explicit ELU(double alpha = 1) : alpha(alpha) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double alpha;
};

struct CELU : UnaryModule {
  GRADUS_MEMBERS()
  explicit CELU(double alpha = 1) : alpha(alpha) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double alpha;
};

struct Softplus : UnaryModule {
  GRADUS_MEMBERS()
  explicit Softplus(double beta = 1, double threshold = 20) : beta(beta), threshold(threshold) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double beta, threshold;
};

struct Hardshrink : UnaryModule {
  GRADUS_MEMBERS()
  explicit Hardshrink(double lambd = 0.5) : lambd(lambd) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double lambd;
};

struct Softshrink : UnaryModule {
  GRADUS_MEMBERS()
  explicit Softshrink(double lambd = 0.5) : lambd(lambd) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double lambd;
};

// Softmax over the channels of [N, C, H, W] or [C, H, W]. Errors: ShapeError for another rank.
struct Softmax2d : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override;
};

// approximate = "none" or "tanh". Errors: ValueError for another word.
struct GELU : UnaryModule {
  GRADUS_MEMBERS()
  explicit GELU(std::string_view approximate = "none", Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::string approximate;
};

// x for x > 0, else weight x, the weight trained: one, or one a channel (axis 1). Errors: ValueError for
// num_parameters < 1.
struct PReLU : UnaryModule {
  Parameter weight;  // [num_parameters]
  GRADUS_MEMBERS(weight)
  explicit PReLU(std::int64_t num_parameters = 1, double init = 0.25, DType dtype = DType::f32,
                 Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;
};

// leaky_relu with a slope that is drawn for each element from lower..upper in training, and their mean
// otherwise. B. Xu et al.: "Empirical evaluation of rectified activations in convolutional network", 2015.
// Errors: ValueError for lower > upper.
struct RReLU : UnaryModule {
  GRADUS_MEMBERS()
  explicit RReLU(double lower = 1.0 / 8, double upper = 1.0 / 3, Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double lower, upper;
};

}  // namespace gradus::nn
