// Activations as modules, for Sequential. Elsewhere the functions of the same name do.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/nn/module.h"

namespace gradus::nn {

struct ReLU : Module {
  GRADUS_MEMBERS()
  Tensor operator()(Operand x) const;
};

struct Tanh : Module {
  GRADUS_MEMBERS()
  Tensor operator()(Operand x) const;
};

struct Sigmoid : Module {
  GRADUS_MEMBERS()
  Tensor operator()(Operand x) const;
};

// Softmax along one axis.
struct Softmax : Module {
  GRADUS_MEMBERS()
  explicit Softmax(std::int64_t dim = -1) : dim(dim) {}
  Tensor operator()(Operand x) const;
  std::string options_text() const override;

  std::int64_t dim;
};

}  // namespace gradus::nn
