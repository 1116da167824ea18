// Convolutions over 1 to 3 spatial axes and their transposes, with channels on axis 1 of [N, C, places...]
// (or axis 0 of [C, places...]). Formulas and sizes of results: ops/conv.h. Parameters start uniform in
// +-1/sqrt(fan_in), as in PyTorch (Kaiming uniform with a = sqrt(5)).
#pragma once

#include "gradus/base/random.h"
#include "gradus/nn/unary_module.h"
#include "gradus/ops/conv.h"
#include "gradus/ops/join.h"

namespace gradus::nn {

struct ConvLayerOptions {
  Dims stride = 1;
  ConvPadding padding = 0;  // also "same" and "valid"
  Dims dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  PadMode padding_mode = PadMode::constant;  // what is in the padding: zeros, or as pad() says
  DType dtype = DType::f32;
  Generator* generator = nullptr;  // of the initial values
};

template <int spatial>
struct Conv : UnaryModule {
  Parameter weight;  // [out_channels, in_channels / groups, kernel...]
  Parameter bias;    // [out_channels], or undefined
  GRADUS_MEMBERS(weight, bias)

  // One number for kernel_size stands for all axes. Errors: ValueError for sizes below 1, groups that do not
  // divide the channels, padding in another mode than zeros that is given by ends; DtypeError.
  Conv(std::int64_t in_channels, std::int64_t out_channels, const Dims& kernel_size,
       const ConvLayerOptions& options = {}, Location where = Location::current());

  // Errors: ShapeError, DtypeError.
  Tensor forward(Operand x) const override;
  Tensor with_weight(Operand x, const Tensor& w) const;
  std::string type_name() const override;
  std::string options_text() const override;

  ConvOptions options;
  PadMode padding_mode;
};
using Conv1d = Conv<1>;
using Conv2d = Conv<2>;
using Conv3d = Conv<3>;
extern template struct Conv<1>;
extern template struct Conv<2>;
extern template struct Conv<3>;

struct ConvTransposeLayerOptions {
  Dims stride = 1;
  ConvPadding padding = 0;
  Dims output_padding = 0;
  std::int64_t groups = 1;
  bool bias = true;
  Dims dilation = 1;
  DType dtype = DType::f32;
  Generator* generator = nullptr;
};

template <int spatial>
struct ConvTranspose : UnaryModule {
  Parameter weight;  // [in_channels, out_channels / groups, kernel...]
  Parameter bias;    // [out_channels], or undefined
  GRADUS_MEMBERS(weight, bias)

  // Errors: as Conv.
  ConvTranspose(std::int64_t in_channels, std::int64_t out_channels, const Dims& kernel_size,
                const ConvTransposeLayerOptions& options = {}, Location where = Location::current());

  // Errors: ShapeError, DtypeError.
  Tensor forward(Operand x) const override;
  Tensor with_weight(Operand x, const Tensor& w) const;
  std::string type_name() const override;
  std::string options_text() const override;

  ConvTransposeOptions options;
};
using ConvTranspose1d = ConvTranspose<1>;
using ConvTranspose2d = ConvTranspose<2>;
using ConvTranspose3d = ConvTranspose<3>;
extern template struct ConvTranspose<1>;
extern template struct ConvTranspose<2>;
extern template struct ConvTranspose<3>;

}  // namespace gradus::nn
