// Where `gradus graph` and its like take a graph from: a built-in model, an example of the zoo, a saved
// snapshot or an ONNX file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gradus/graph/snapshot.h"

namespace gradus::tools {

enum class GraphPass : std::uint8_t { forward, backward, both };

struct GraphSource {
  std::string name;  // "mlp", "gpt", "run.json", "model.onnx"
  std::int64_t batch = 32;
  GraphPass pass = GraphPass::forward;
  std::map<std::string, double> options = {};  // of an example of the zoo
};

// Built-in models, then the examples that have something to draw.
std::vector<std::string> graph_model_names();
// The names of all options of these examples, each once.
std::vector<std::string> graph_model_options();

// The graph of one step, with the name as its title. Errors: UsageError, and those of the model.
GraphSnapshot take_graph(const GraphSource& source);

}  // namespace gradus::tools
