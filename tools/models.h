// The built-in models: what `gradus train` trains, `gradus graph` draws and `gradus onnx export` writes.
#pragma once

#include <string>
#include <vector>

#include "gradus/gradus.h"

namespace gradus::tools {

// 784-256-128-10 with relu, for images of 28 x 28 pixels as rows.
struct Mlp : nn::Module {
  nn::Linear fc1{784, 256};
  nn::Linear fc2{256, 128};
  nn::Linear fc3{128, 10};
  GRADUS_MEMBERS(fc1, fc2, fc3)

  Tensor operator()(const Tensor& x) const { return fc3(relu(fc2(relu(fc1(x))))); }
};

// Names that example_step() knows.
std::vector<std::string> model_names();

// One step of a model on a small made-up batch, with names on inputs and parameters.
struct Example {
  NamedTensors inputs;  // of the prediction
  Tensor prediction;    // named as well
  Tensor loss;          // recorded; where the model has no target it is the prediction
};
// Errors: UsageError for an unknown name.
Example example_step(const std::string& model, std::int64_t batch);
inline Tensor example_loss(const std::string& model, std::int64_t batch) {
  return example_step(model, batch).loss;
}

}  // namespace gradus::tools
