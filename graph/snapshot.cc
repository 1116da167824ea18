#include "gradus/graph/snapshot.h"

#include <unordered_map>
#include <unordered_set>

#include "gradus/graph/describe.h"
#include "gradus/graph/node.h"

namespace gradus {
namespace {

GraphSnapshot::Value value_of(const TensorImpl& t) {
  return {Shape(std::span<const std::int64_t>(t.dims(), t.rank)), t.dtype};
}

std::int64_t bytes_of(const TensorImpl& t) { return t.numel * static_cast<std::int64_t>(size_of(t.dtype)); }

// Numbers nodes in the order in which a walk from the roots meets them, inputs from first to last.
class Taker {
 public:
  void root(TensorImpl* t) {
    const int id = t->node != nullptr ? node(t->node) : tensor(t);
    at(id).is_root = true;
    if (t->name != nullptr) at(id).name = t->name;
  }

  GraphSnapshot take() {
    for (std::size_t next = 0; next < open_.size(); ++next) follow(open_[next].first, open_[next].second);
    return std::move(graph_);
  }

 private:
  GraphSnapshot::Node& at(int id) { return graph_.nodes[static_cast<std::size_t>(id)]; }

  GraphSnapshot::Node* add(const void* key, int* id) {
    const auto [it, is_new] = ids_.emplace(key, static_cast<int>(graph_.nodes.size()));
    *id = it->second;
    if (!is_new) return nullptr;
    GraphSnapshot::Node& n = graph_.nodes.emplace_back();
    n.id = *id;
    return &n;
  }

  int tensor(TensorImpl* t) {
    int id = 0;
    if (GraphSnapshot::Node* n = add(t, &id)) {
      n->kind = t->leaf_requires_grad ? GraphSnapshot::Kind::kParameter : GraphSnapshot::Kind::kConstant;
      if (t->name != nullptr) n->name = t->name;
      n->outputs.push_back(value_of(*t));
    }
    return id;
  }

  int node(Node* node) {
    int id = 0;
    if (GraphSnapshot::Node* n = add(node, &id)) {
      n->label = node->op->name;
      if (node->attrs() != nullptr) n->attrs = format_attrs(node->op->attrs, node->attrs());
      n->where = format_location(node->where());
      n->released = node->released;
      for (int i = 0; i < node->outputs; ++i) {
        const OutputSlot& o = node->output_slots()[i];
        n->outputs.push_back({Shape(std::span<const std::int64_t>(o.dims, o.rank)), o.dtype});
      }
      open_.emplace_back(node, id);
    }
    return id;
  }

  void follow(Node* node, int id) {
    std::vector<TensorImpl*> saved_inputs(node->inputs, nullptr);
    for (int i = 0; i < node->saved; ++i) {
      const SavedSlot& s = node->saved_slots()[i];
      if (!s.value.defined()) continue;
      at(id).saved_bytes += bytes_of(*s.value.impl());
      if (counted_.insert(s.value.impl()->data).second) graph_.saved_bytes += bytes_of(*s.value.impl());
      if (s.slot < 16) saved_inputs[s.slot] = s.value.impl();
    }
    if (node->released) return;
    for (std::uint32_t i = 0; i < node->inputs; ++i) {
      const Edge& e = node->edges()[i];
      TensorImpl* saved = saved_inputs[i];
      int from = 0;
      if (Node* p = e.node()) {
        from = this->node(p);
        if (saved != nullptr && saved->name != nullptr && at(from).name.empty()) at(from).name = saved->name;
      } else if (TensorImpl* leaf = e.as_leaf()) {
        from = tensor(leaf);
      } else if (saved != nullptr) {
        from = tensor(saved);
      } else {
        continue;
      }
      const int output = e.target != nullptr ? static_cast<int>(e.output) : 0;
      graph_.edges.push_back({from, id, output, static_cast<int>(i),
                              at(from).outputs[static_cast<std::size_t>(e.node() != nullptr ? output : 0)]});
    }
  }

  GraphSnapshot graph_;
  std::unordered_map<const void*, int> ids_;
  std::unordered_set<const void*> counted_;
  std::vector<std::pair<Node*, int>> open_;
};

}  // namespace

GraphSnapshot snapshot(std::span<const Tensor> roots, Location where) {
  Taker taker;
  for (const Tensor& t : roots) {
    if (!t.defined()) throw_error<ValueError>(where, "snapshot", "a root is an empty handle");
    taker.root(t.impl());
  }
  return taker.take();
}

}  // namespace gradus
