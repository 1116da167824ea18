// A recorded graph as plain data, for drawing, printing, comparing and saving (docs/graphs.md has the format
// of the files). It keeps no tensor alive and changes nothing. The same graph gives the same snapshot,
// numbers included.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/attrs.h"
#include "gradus/graph/tensor.h"

namespace gradus {

struct GraphSnapshot {
  enum class Kind : std::uint8_t {
    kOp,
    kView,       // an op whose result shares its input's elements
    kParameter,  // a leaf that collects a gradient
    kInput,      // a tensor without gradient that has a name; known only where an op saved it
    kConstant,   // the same without a name
  };
  enum class Pass : std::uint8_t { kForward, kBackward };

  struct Value {
    Shape shape;
    DType dtype = DType::f32;
    std::string name = {};  // of the tensor, where it was given one and is still known
  };
  // `type` says which of the values holds; `text` is the value as it is written in C++ and always set.
  struct Attribute {
    std::string name;
    AttrType type = AttrType::cstring;
    std::string text;
    std::int64_t integer = 0;        // i64; boolean: 0 or 1
    double real = 0;                 // f64
    std::vector<std::int64_t> list;  // shape, dims
  };
  struct Input {
    int node = -1;          // -1: a tensor that the graph does not keep, because no gradient reads it
    int output = 0;         // of `node`
    bool indirect = false;  // what lies between was left out of this part of a graph (graph/part.h)
  };
  struct Statistics {
    double min = 0, max = 0, mean = 0, norm = 0;  // of the finite elements; norm is the Euclidean one
    std::int64_t nan = 0, inf = 0;                // how many elements are
  };

  // Nodes lie in the order in which they were recorded: inputs come before what reads them. A node is known
  // by its place in `nodes`.
  struct Node {
    Kind kind = Kind::kOp;
    Pass pass = Pass::kForward;
    std::string op;  // its name; empty for leaves
    std::vector<Attribute> attributes;
    std::vector<Input> inputs;
    std::vector<Value> outputs;    // at least one; a leaf has itself
    std::string module;            // "encoder.layers.3.self_attn"; "" is the model itself
    std::string where;             // "model.cc:31", the op's call
    std::int64_t saved_bytes = 0;  // what it keeps for backward; tensors that several keep count at each
    double flops = 0;              // of one forward run
    bool is_root = false;          // the graph was taken from it
    bool released = false;         // a backward freed its edges: what came before is unknown

    // What a profile has filled in (graph/profile.h).
    std::optional<std::int64_t> forward_ns;
    std::optional<std::int64_t> backward_ns;
    std::optional<Statistics> value;     // of output 0
    std::optional<Statistics> gradient;  // of output 0

    // In this process only, not in files: the recorded node's number, 0 for leaves.
    std::uint64_t sequence = 0;

    bool is_leaf() const { return kind >= Kind::kParameter; }
    // Of the first output; empty where it has none.
    const std::string& name() const { return outputs.front().name; }
  };

  std::string title;  // "gpt", for headings
  std::vector<Node> nodes;
  // Bytes of all tensors that ops saved, each counted once.
  std::int64_t saved_bytes = 0;

  const Value& value(const Input& i) const {
    return nodes[static_cast<std::size_t>(i.node)].outputs[static_cast<std::size_t>(i.output)];
  }
};

struct SnapshotOptions {
  // Tensors that a backward with create_graph gave. What they reach and the roots do not is Pass::kBackward.
  std::vector<Tensor> gradients = {};
  // Give nodes a module by the names of the parameters that they read, where no ModuleScope gave one
  // (graph/module_path.h).
  bool infer_modules = true;
};

// What is reached from these tensors. Errors: ValueError for an empty handle, GraphError for a root whose
// graph a backward has released.
GraphSnapshot snapshot(std::span<const Tensor> roots, const SnapshotOptions& options = {},
                       Location where = Location::current());
inline GraphSnapshot snapshot(const Tensor& root, const SnapshotOptions& options = {},
                              Location where = Location::current()) {
  return snapshot(std::span(&root, 1), options, where);
}

// The leaves that collect a gradient and that this was computed from, in the order of the snapshot.
std::vector<Tensor> recorded_parameters(const Tensor& root);

// "dim=-1, keepdim=true"
std::string attributes_text(const GraphSnapshot::Node& n);

// As a JSON text, one line a node; data/format/snapshot.h reads it.
std::string to_json(const GraphSnapshot& graph);

// As a tree, for terminals and debuggers: results first, each op above what it reads, an op that was shown
// before as "^7".
std::string to_string(const GraphSnapshot& graph);

}  // namespace gradus
