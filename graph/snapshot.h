// A recorded graph as plain data, for drawing, printing and tests. It keeps no tensor alive and changes
// nothing. The same graph gives the same snapshot, numbers included.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus {

struct GraphSnapshot {
  enum class Kind : std::uint8_t {
    kOp,
    kParameter,  // a leaf that collects a gradient
    kConstant,   // a tensor without gradient; known only where an op saved it
  };
  struct Value {
    Shape shape;
    DType dtype = DType::f32;
  };
  struct Node {
    int id = 0;  // its place in `nodes`
    Kind kind = Kind::kOp;
    std::string label;  // the op's name; empty for leaves and constants
    std::string attrs;  // "dim=-1, keepdim=true"
    std::string name;   // of the tensor, where it was given one and is still known
    std::vector<Value> outputs;
    std::string where;  // "model.cc:31", the op's call
    std::int64_t saved_bytes = 0;
    bool is_root = false;
    bool released = false;  // a backward freed its saved tensors and its edges; what was before is unknown
  };
  struct Edge {
    int from = 0;
    int to = 0;
    int output = 0;  // of `from`
    int input = 0;   // of `to`
    Value value;
  };

  std::vector<Node> nodes;
  std::vector<Edge> edges;

  // Bytes of all tensors that ops saved, each counted once.
  std::int64_t saved_bytes = 0;
};

// What is reached from these tensors. Errors: ValueError for an empty handle.
GraphSnapshot snapshot(std::span<const Tensor> roots, Location where = Location::current());
inline GraphSnapshot snapshot(const Tensor& root, Location where = Location::current()) {
  return snapshot(std::span(&root, 1), where);
}

}  // namespace gradus
