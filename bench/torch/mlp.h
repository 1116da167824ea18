// The perceptron 784-256-128-10 with relu that the step and the memory case train.
#pragma once

#include <torch/torch.h>

#include "../cases.h"

namespace bench {

struct Mlp : torch::nn::Module {
  torch::nn::Linear fc1, fc2, fc3;

  Mlp()
      : fc1(register_module("fc1", torch::nn::Linear(kMlpSizes[0], kMlpSizes[1]))),
        fc2(register_module("fc2", torch::nn::Linear(kMlpSizes[1], kMlpSizes[2]))),
        fc3(register_module("fc3", torch::nn::Linear(kMlpSizes[2], kMlpSizes[3]))) {}

  torch::Tensor forward(const torch::Tensor& x) {
    return fc3->forward(torch::relu(fc2->forward(torch::relu(fc1->forward(x)))));
  }
};

inline void train_step(Mlp& model, torch::optim::Optimizer& optimizer, const torch::Tensor& x,
                       const torch::Tensor& y) {
  const torch::Tensor loss = torch::nn::functional::cross_entropy(model.forward(x), y);
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
}

}  // namespace bench
