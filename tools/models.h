// The built-in models: what `gradus graph` draws and `gradus onnx export` writes.
#pragma once

#include <string>
#include <vector>

#include "gradus/docs/examples/zoo/classifiers.h"
#include "gradus/gradus.h"

namespace gradus::tools {

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
