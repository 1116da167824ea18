#include "gradus/graph/snapshot.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "gradus/base/format.h"
#include "gradus/graph/flops.h"
#include "gradus/graph/module_path.h"
#include "gradus/graph/node.h"

namespace gradus {
namespace {

using Snap = GraphSnapshot;

Shape shape_of(const TensorImpl& t) { return Shape(std::span<const std::int64_t>(t.dims(), t.rank)); }

std::int64_t bytes_of(const TensorImpl& t) { return t.numel * static_cast<std::int64_t>(size_of(t.dtype)); }

template <class T>
T field(const AttrDef& def, const void* attrs) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(attrs) + def.offset, sizeof(T));
  return value;
}

Snap::Attribute attribute(const AttrDef& def, const void* attrs) {
  Snap::Attribute a;
  a.name = def.name;
  a.type = def.type;
  a.text = format_attr(def, attrs);
  switch (def.type) {
    case AttrType::i64:
      a.integer = field<std::int64_t>(def, attrs);
      break;
    case AttrType::f64:
      a.real = field<double>(def, attrs);
      break;
    case AttrType::boolean:
      a.integer = field<bool>(def, attrs) ? 1 : 0;
      break;
    case AttrType::shape:
    case AttrType::dims: {
      const auto list = field<SmallList>(def, attrs);
      a.list.assign(list.begin(), list.end());
      break;
    }
    case AttrType::dtype:
    case AttrType::cstring:
      break;
  }
  return a;
}

bool flag(const Snap::Node& n, std::string_view name) {
  return std::any_of(n.attributes.begin(), n.attributes.end(), [&](const Snap::Attribute& a) {
    return a.name == name && a.type == AttrType::boolean && a.integer != 0;
  });
}

class Taker {
 public:
  void root(TensorImpl* t, Location where) {
    if (t->node != nullptr) {
      if (t->node->released) {
        throw_error<GraphError>(
            where, "snapshot",
            "the graph of {}{} (recorded at {}) was released by the backward at {}; take the snapshot before "
            "it, or pass {{.retain_graph = true}} there",
            t->node->op->name, t->name != nullptr ? fmt::format(" \"{}\"", t->name) : "",
            format_location(t->node->where()), format_location(t->node->released_where()));
      }
      meet(t->node);
    }
    roots_.push_back(t);
  }

  // The graph of all roots so far. What is met after this is of the backward pass.
  void walk(Snap::Pass pass) {
    for (; walked_ < order_.size(); ++walked_) {
      Node* n = order_[walked_].node;
      order_[walked_].pass = pass;
      if (n->released) continue;
      for (std::uint32_t i = 0; i < n->inputs; ++i) {
        if (Node* from = n->edges()[i].node()) meet(from);
      }
    }
  }

  Snap take() {
    // By sequence numbers what a node reads lies before it. Nodes of several threads may share a number.
    std::stable_sort(order_.begin(), order_.end(),
                     [](const Met& a, const Met& b) { return a.node->sequence < b.node->sequence; });
    graph_.nodes.reserve(order_.size() + order_.size() / 2);
    for (const Met& m : order_) add(m);
    for (TensorImpl* t : roots_) {
      const int id = t->node != nullptr ? ids_.at(t->node) : leaf(t);
      Snap::Node& n = at(id);
      n.is_root = true;
      const std::size_t output = t->node != nullptr ? t->output : 0;
      if (t->name != nullptr) n.outputs[output].name = t->name;
    }
    return std::move(graph_);
  }

 private:
  struct Met {
    Node* node;
    Snap::Pass pass;
  };

  Snap::Node& at(int id) { return graph_.nodes[static_cast<std::size_t>(id)]; }

  void meet(Node* n) {
    if (ids_.emplace(n, -1).second) order_.push_back({n, Snap::Pass::kForward});
  }

  int leaf(TensorImpl* t) {
    const auto [it, is_new] = ids_.emplace(t, static_cast<int>(graph_.nodes.size()));
    if (is_new) {
      Snap::Node& n = graph_.nodes.emplace_back();
      n.kind = t->leaf_requires_grad ? Snap::Kind::kParameter
               : t->name != nullptr  ? Snap::Kind::kInput
                                     : Snap::Kind::kConstant;
      n.outputs.push_back({shape_of(*t), t->dtype, t->name != nullptr ? t->name : ""});
    }
    return it->second;
  }

  void add(const Met& m) {
    Node* node = m.node;
    Snap::Node n;
    n.kind = (node->op->flags & kView) != 0 ? Snap::Kind::kView : Snap::Kind::kOp;
    n.pass = m.pass;
    n.op = node->op->name;
    n.sequence = node->sequence;
    n.released = node->released;
    n.where = format_location(node->where());
    n.attributes.reserve(node->op->attrs.size());
    for (const AttrDef& def : node->op->attrs) n.attributes.push_back(attribute(def, node->attrs()));
    for (int i = 0; i < node->outputs; ++i) {
      const OutputSlot& o = node->output_slots()[i];
      n.outputs.push_back({Shape(std::span<const std::int64_t>(o.dims, o.rank)), o.dtype, ""});
    }
    if (node->extras != nullptr) {
      if (node->extras->module != nullptr) n.module = node->extras->module;
      for (const auto& [output, name] : node->extras->names) n.outputs[output].name = name;
    }
    std::vector<TensorImpl*> saved(node->inputs, nullptr);
    for (int i = 0; i < node->saved; ++i) {
      const SavedSlot& s = node->saved_slots()[i];
      if (!s.value.defined()) continue;
      TensorImpl* t = s.value.impl();
      n.saved_bytes += bytes_of(*t);
      if (counted_.insert(t->data).second) graph_.saved_bytes += bytes_of(*t);
      if (s.slot < 16 && s.slot < node->inputs) saved[s.slot] = t;
    }
    n.inputs.resize(node->inputs);
    shapes_.assign(node->inputs, std::nullopt);
    for (std::uint32_t i = 0; i < node->inputs; ++i) {
      const Edge& e = node->edges()[i];
      Snap::Input& in = n.inputs[i];
      if (Node* from = e.node()) {
        in = {ids_.at(from), static_cast<int>(e.output)};
      } else if (TensorImpl* t = e.as_leaf()) {
        in = {leaf(t), 0};
      } else if (saved[i] != nullptr && !node->released) {
        in = {leaf(saved[i]), 0};
      }
      if (in.node >= 0) {
        shapes_[i] = graph_.value(in).shape;
      } else if ((node->op->flags & kInputShapes) != 0) {
        shapes_[i] = node->input_shapes()[i];
      }
    }
    n.flops = estimate_flops(
        {n.op, node->op->flags, shapes_, n.outputs[0].shape, flag(n, "trans_a"), flag(n, "trans_b")});
    ids_[node] = static_cast<int>(graph_.nodes.size());
    graph_.nodes.push_back(std::move(n));
  }

  Snap graph_;
  std::vector<TensorImpl*> roots_;
  std::vector<Met> order_;
  std::size_t walked_ = 0;
  std::unordered_map<const void*, int> ids_;
  std::unordered_set<const void*> counted_;
  std::vector<std::optional<Shape>> shapes_;
};

void require_defined(const Tensor& t, Location where) {
  if (!t.defined()) throw_error<ValueError>(where, "snapshot", "a root is an empty handle");
}

}  // namespace

GraphSnapshot snapshot(std::span<const Tensor> roots, const SnapshotOptions& options, Location where) {
  Taker taker;
  for (const Tensor& t : roots) {
    require_defined(t, where);
    taker.root(t.impl(), where);
  }
  taker.walk(Snap::Pass::kForward);
  for (const Tensor& t : options.gradients) {
    require_defined(t, where);
    taker.root(t.impl(), where);
  }
  taker.walk(Snap::Pass::kBackward);
  GraphSnapshot graph = taker.take();
  if (options.infer_modules) infer_modules(graph);
  return graph;
}

std::vector<Tensor> recorded_parameters(const Tensor& root) {
  std::vector<Tensor> found;
  if (!root.defined()) return found;
  std::unordered_set<const void*> seen;
  std::vector<Node*> order;
  const auto meet = [&](Node* n) {
    if (n != nullptr && seen.insert(n).second) order.push_back(n);
  };
  meet(root.impl()->node);
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::uint32_t k = 0; k < order[i]->inputs; ++k) meet(order[i]->edges()[k].node());
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Node* a, const Node* b) { return a->sequence < b->sequence; });
  for (Node* n : order) {
    for (std::uint32_t k = 0; k < n->inputs; ++k) {
      TensorImpl* leaf = n->edges()[k].as_leaf();
      if (leaf != nullptr && seen.insert(leaf).second) found.push_back(Tensor::share(leaf));
    }
  }
  return found;
}

std::string attributes_text(const GraphSnapshot::Node& n) {
  std::string out;
  for (const Snap::Attribute& a : n.attributes) {
    if (!out.empty()) out += ", ";
    out += a.name;
    out += '=';
    out += a.text;
  }
  return out;
}

}  // namespace gradus
