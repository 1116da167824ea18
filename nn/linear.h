// Linear: y = x weight^T + bias.
#pragma once

#include "gradus/base/random.h"
#include "gradus/nn/unary_module.h"

namespace gradus::nn {

struct LinearOptions {
  bool bias = true;
  DType dtype = DType::f32;
  Generator* generator = nullptr;  // of the initial values; nullptr: the default one
};

// x [..., in_features] -> [..., out_features]. Both parameters start uniform in +-1/sqrt(in_features), as in
// PyTorch (Kaiming uniform with a = sqrt(5)).
struct Linear : UnaryModule {
  Parameter weight;  // [out_features, in_features]
  Parameter bias;    // [out_features], or undefined
  GRADUS_MEMBERS(weight, bias)

  // Errors: ValueError for a negative size, DtypeError.
  Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options = {},
         Location where = Location::current());

  // Errors: ShapeError, DtypeError.
  Tensor forward(Operand x) const override;
  // With another weight of the same shape in place of its own, as parametrisations have.
  Tensor with_weight(Operand x, const Tensor& w) const;
  std::string options_text() const override;
};

}  // namespace gradus::nn
