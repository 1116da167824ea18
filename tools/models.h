// The built-in models: what `gradus graph` draws and `gradus onnx export` writes.
#pragma once

#include <string>
#include <vector>

#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::tools {

// Names that example_step() knows.
std::vector<std::string> model_names();

// One step of a model; where it has no target, the loss is the prediction.
using Example = zoo::Step;
// Errors: UsageError for an unknown name.
Example example_step(const std::string& model, std::int64_t batch);

}  // namespace gradus::tools
