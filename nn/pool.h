// Pooling as modules, with the options and formulas of ops/pool.h. Inputs [N, C, places...] or
// [C, places...]; one number stands for all axes. Errors of calls: those of the functions.
#pragma once

#include "gradus/nn/unary_module.h"
#include "gradus/ops/pool.h"

namespace gradus::nn {

template <int spatial>
struct MaxPool : UnaryModule {
  GRADUS_MEMBERS()
  explicit MaxPool(const Dims& kernel_size, const MaxPoolOptions& options = {})
      : kernel_size(kernel_size), options(options) {}
  Tensor forward(Operand x) const override;
  // And the places of the elements, for MaxUnpool. No hooks are called.
  ValuesIndices with_indices(Operand x) const;
  std::string type_name() const override;
  std::string options_text() const override;

  Dims kernel_size;
  MaxPoolOptions options;
};

template <int spatial>
struct MaxUnpool : Module {
  GRADUS_MEMBERS()
  explicit MaxUnpool(const Dims& kernel_size, const MaxUnpoolOptions& options = {})
      : kernel_size(kernel_size), options(options) {}
  Tensor operator()(Operand x, Operand indices) const;
  std::string type_name() const override;
  std::string options_text() const override;

  Dims kernel_size;
  MaxUnpoolOptions options;
};

template <int spatial>
struct AvgPool : UnaryModule {
  GRADUS_MEMBERS()
  explicit AvgPool(const Dims& kernel_size, const AvgPoolOptions& options = {})
      : kernel_size(kernel_size), options(options) {}
  Tensor forward(Operand x) const override;
  std::string type_name() const override;
  std::string options_text() const override;

  Dims kernel_size;
  AvgPoolOptions options;
};

template <int spatial>
struct LPPool : UnaryModule {
  GRADUS_MEMBERS()
  LPPool(double norm_type, const Dims& kernel_size, const LpPoolOptions& options = {})
      : norm_type(norm_type), kernel_size(kernel_size), options(options) {}
  Tensor forward(Operand x) const override;
  std::string type_name() const override;
  std::string options_text() const override;

  double norm_type;
  Dims kernel_size;
  LpPoolOptions options;
};

template <int spatial>
struct AdaptiveMaxPool : UnaryModule {
  GRADUS_MEMBERS()
  explicit AdaptiveMaxPool(const Dims& output_size) : output_size(output_size) {}
  Tensor forward(Operand x) const override;
  ValuesIndices with_indices(Operand x) const;
  std::string type_name() const override;
  std::string options_text() const override;

  Dims output_size;
};

template <int spatial>
struct AdaptiveAvgPool : UnaryModule {
  GRADUS_MEMBERS()
  explicit AdaptiveAvgPool(const Dims& output_size) : output_size(output_size) {}
  Tensor forward(Operand x) const override;
  std::string type_name() const override;
  std::string options_text() const override;

  Dims output_size;
};

using MaxPool1d = MaxPool<1>;
using MaxPool2d = MaxPool<2>;
using MaxPool3d = MaxPool<3>;
using MaxUnpool1d = MaxUnpool<1>;
using MaxUnpool2d = MaxUnpool<2>;
using MaxUnpool3d = MaxUnpool<3>;
using AvgPool1d = AvgPool<1>;
using AvgPool2d = AvgPool<2>;
using AvgPool3d = AvgPool<3>;
using LPPool1d = LPPool<1>;
using LPPool2d = LPPool<2>;
using LPPool3d = LPPool<3>;
using AdaptiveMaxPool1d = AdaptiveMaxPool<1>;
using AdaptiveMaxPool2d = AdaptiveMaxPool<2>;
using AdaptiveMaxPool3d = AdaptiveMaxPool<3>;
using AdaptiveAvgPool1d = AdaptiveAvgPool<1>;
using AdaptiveAvgPool2d = AdaptiveAvgPool<2>;
using AdaptiveAvgPool3d = AdaptiveAvgPool<3>;

extern template struct MaxPool<1>;
extern template struct MaxPool<2>;
extern template struct MaxPool<3>;
extern template struct MaxUnpool<1>;
extern template struct MaxUnpool<2>;
extern template struct MaxUnpool<3>;
extern template struct AvgPool<1>;
extern template struct AvgPool<2>;
extern template struct AvgPool<3>;
extern template struct LPPool<1>;
extern template struct LPPool<2>;
extern template struct LPPool<3>;
extern template struct AdaptiveMaxPool<1>;
extern template struct AdaptiveMaxPool<2>;
extern template struct AdaptiveMaxPool<3>;
extern template struct AdaptiveAvgPool<1>;
extern template struct AdaptiveAvgPool<2>;
extern template struct AdaptiveAvgPool<3>;

}  // namespace gradus::nn
