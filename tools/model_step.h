// One step of a model by its name: a built-in one (tools/models.h) or an example of the zoo
// (docs/examples/zoo/zoo.h) with the options of the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <string>

#include "gradus/tools/models.h"

namespace gradus::tools {

// Records a step; `options` are those of an example. Errors: UsageError for an option that the model does not
// have, ValueError for one outside of its range.
Example model_step(const std::string& model, std::int64_t batch,
                   const std::map<std::string, double>& options);

// Adds the options of all examples; what the command line gives goes to `options`, which outlives the parser.
void add_model_options(CLI::App& command, std::map<std::string, double>& options);

class ModelStep {
 public:
  // Adds the argument MODEL, --batch-size, --seed and the options of the zoo's examples.
  void add_to(CLI::App& command);
  const std::string& model() const { return model_; }
  std::int64_t batch() const { return batch_; }
  // Records one step; the same weights and inputs each time. Errors: as model_step().
  Example run() const;

 private:
  std::string model_;
  std::int64_t batch_ = 32;
  std::uint64_t seed_ = 0;
  std::map<std::string, double> options_;
};

}  // namespace gradus::tools
