// Bilinear: y_k = x1^T weight_k x2 + bias_k.
#pragma once

#include "gradus/nn/linear.h"

namespace gradus::nn {

// x1 [..., in1_features], x2 [..., in2_features] -> [..., out_features]. Both parameters start uniform in
// +-1/sqrt(in1_features).
struct Bilinear : Module {
  Parameter weight;  // [out_features, in1_features, in2_features]
  Parameter bias;    // [out_features], or undefined
  GRADUS_MEMBERS(weight, bias)

  // Errors: ValueError for a size below 1, DtypeError.
  Bilinear(std::int64_t in1_features, std::int64_t in2_features, std::int64_t out_features,
           const LinearOptions& options = {}, Location where = Location::current());

  // Errors: ShapeError, DtypeError.
  Tensor operator()(Operand x1, Operand x2) const;
  std::string options_text() const override;
};

}  // namespace gradus::nn
