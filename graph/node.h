// Node: what one op left in the graph: edges to what its inputs came from, saved tensors, attributes. Nodes
// are owned by tensors and by the edges of their consumers, through counts; there is no tape and no registry.
// One block of the pool: header, edges, saved slots, output slots, sizes, attributes and, with kInputShapes,
// the shapes of the inputs.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradus/base/location.h"
#include "gradus/graph/op_def.h"
#include "gradus/graph/tensor.h"

namespace gradus {

inline constexpr int kRemovedHook = -1;

struct Extras {
  RefCount refs;
  std::atomic<int> running = 0;  // calls of the hooks under way; they may run in several threads' grad()
  bool removed = false;          // one of them was removed meanwhile
  bool keep_grad = false;        // retain_grad() was asked
  int next_hook = 0;
  Tensor grad;
  std::vector<std::pair<int, GradHook>> hooks;
};

// Where an input came from: the output of a node, a leaf, or a constant (target nullptr).
struct Edge {
  void* target;
  std::uint32_t output;
  bool leaf;

  Node* node() const { return leaf ? nullptr : static_cast<Node*>(target); }
  TensorImpl* as_leaf() const { return leaf ? static_cast<TensorImpl*>(target) : nullptr; }
};

struct SavedSlot {
  Tensor value;
  std::uint32_t version;
  std::uint8_t slot;  // i for input i, 16 + i for output i
};

struct OutputSlot {
  Tensor grad;  // the walk's: what has arrived so far
  const std::int64_t* dims;
  std::uint8_t rank;
  DType dtype;
};

// Extras of interior tensors, by output, and what drawings say of them.
struct NodeExtras {
  std::vector<std::pair<std::uint32_t, Ref<Extras>>> by_output;
  std::vector<std::pair<std::uint32_t, std::string>> names;  // the last one of an output counts
  const char* module = nullptr;                              // path of the ModuleScope it was recorded in
};

struct Node {
  RefCount refs;
  std::atomic<std::uint32_t> walk;  // id of the walk that holds this node; 0: none
  union {
    std::uint64_t sequence;  // greater than that of every node it came from
    Node* next_dead;
  };
  const OpDef* op;
  const char* file;
  std::uint32_t line;
  std::uint32_t released_line;  // where the walk that freed this node was started
  const char* released_file;
  NodeExtras* extras;
  std::uint32_t inputs;
  std::uint32_t block_bytes;
  std::uint8_t outputs;
  std::uint8_t saved;
  bool released;
  // Marks of the walk that holds this node.
  bool queued;
  bool needed;
  bool is_target;
  std::uint32_t attr_offset;  // from the header; 0: none

  Location where() const { return {file, line}; }
  Location released_where() const { return {released_file, released_line}; }
  Edge* edges() { return reinterpret_cast<Edge*>(this + 1); }
  SavedSlot* saved_slots() { return reinterpret_cast<SavedSlot*>(edges() + inputs); }
  OutputSlot* output_slots() { return reinterpret_cast<OutputSlot*>(saved_slots() + saved); }
  // With kInputShapes only: `inputs` of them.
  const Shape* input_shapes() const {
    return reinterpret_cast<const Shape*>(reinterpret_cast<const std::byte*>(this) + block_bytes) - inputs;
  }
  const void* attrs() const {
    return attr_offset == 0 ? nullptr : reinterpret_cast<const std::byte*>(this) + attr_offset;
  }
};
static_assert(std::is_trivially_destructible_v<Shape>);
static_assert(sizeof(Node) % 8 == 0 && sizeof(Edge) % 8 == 0 && sizeof(SavedSlot) % 8 == 0);

// Drops one reference; frees iteratively, so that a chain of any length needs no stack.
void release_node(Node* n);

// Frees saved tensors and edges after the node's rule ran.
void release_contents(Node* n, Location by);

}  // namespace gradus
