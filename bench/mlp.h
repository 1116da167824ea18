// The perceptron 784-256-128-10 with relu that the step and the memory case train.
#pragma once

#include "tensors.h"

namespace bench {

struct Mlp : gd::nn::Module {
  gd::nn::Linear fc1{kMlpSizes[0], kMlpSizes[1]};
  gd::nn::Linear fc2{kMlpSizes[1], kMlpSizes[2]};
  gd::nn::Linear fc3{kMlpSizes[2], kMlpSizes[3]};
  GRADUS_MEMBERS(fc1, fc2, fc3)

  gd::Tensor operator()(const gd::Tensor& x) const { return fc3(relu(fc2(relu(fc1(x))))); }
};

inline void train_step(const Mlp& model, gd::optim::Optimizer& optimizer, const gd::Tensor& x,
                       const gd::Tensor& y) {
  const gd::Tensor loss = cross_entropy(model(x), y);
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
}

}  // namespace bench
