// The engine. A max-heap on sequence numbers pops consumers before producers, so that a node's gradient is
// complete when its rule runs: no counting pass, no recursion. The gradient being summed lives in the node;
// the node carries the id of the walk that holds it, so a second walk at the same time is an error, never a
// mixed sum. All other state lives on the caller's stack.
#include "gradus/graph/backward.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "gradus/base/small_vector.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/engine_ops.h"
#include "gradus/graph/node.h"
#include "gradus/graph/observer.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/tensor_impl.h"

namespace gradus {

using graph_internal::RecordingGuard;
using graph_internal::thread_state;

namespace {

std::atomic<std::uint32_t> next_walk{1};

std::uint32_t new_walk_id() {
  std::uint32_t id = next_walk.fetch_add(1, std::memory_order_relaxed);
  while (id == 0) id = next_walk.fetch_add(1, std::memory_order_relaxed);
  return id;
}

// Shape and dtype that a gradient must have.
struct Target {
  const std::int64_t* dims;
  int rank;
  DType dtype;
};

Target target_of(const TensorImpl& t) { return {t.dims(), t.rank, t.dtype}; }
Target target_of(const OutputSlot& s) { return {s.dims, s.rank, s.dtype}; }
Target target_of(Edge& e) {
  return e.leaf ? target_of(*e.as_leaf()) : target_of(e.node()->output_slots()[e.output]);
}

bool has_shape(const TensorImpl& g, const Target& t) {
  if (g.rank != t.rank) return false;
  const std::int64_t* d = g.dims();
  for (int i = 0; i < t.rank; ++i) {
    if (d[i] != t.dims[i]) return false;
  }
  return true;
}

// True where summing axes of g gives the target's shape.
bool broadcast_from(const TensorImpl& g, const Target& t) {
  if (g.rank < t.rank) return false;
  const std::int64_t* d = g.dims() + (g.rank - t.rank);
  for (int i = 0; i < t.rank; ++i) {
    if (d[i] != t.dims[i] && t.dims[i] != 1) return false;
  }
  return true;
}

Shape shape_of(const Target& t) { return Shape(std::span(t.dims, static_cast<std::size_t>(t.rank))); }

std::string recorded_at(const Node* n) {
  return fmt::format("{} (recorded at {})", n->op->name, format_location(n->where()));
}

bool sole_owner_of_any_layout(const Tensor& t) {
  const TensorImpl* p = t.impl();
  return p->refs.unique() && p->storage->refs.unique() && p->node == nullptr &&
         p->storage->kind != Storage::Kind::kExternal;
}
bool sole_owner(const Tensor& t) { return t.is_contiguous() && sole_owner_of_any_layout(t); }

// A gradient that grad() may own: contiguous, no history, storage that nobody else writes.
Tensor owned(Tensor g) {
  if (sole_owner(g)) return g;
  return g.clone_detached();
}

// As above for a caller of grad(); one that lies in memory as its variable does, without holes, may stay so.
Tensor owned_like(Tensor g, const TensorImpl& variable) {
  const TensorImpl& t = *g.impl();
  const bool alike = t.strides != nullptr && variable.strides != nullptr &&
                     std::equal(t.strides, t.strides + t.rank, variable.strides) &&
                     is_dense_layout(t.dims(), t.strides, t.rank);
  return alike && sole_owner_of_any_layout(g) ? g : owned(std::move(g));
}

// Hooks may add and remove hooks while they run: what was removed is skipped and freed at the end.
struct HooksRunning {
  explicit HooksRunning(Extras& e) : extras(e) { extras.running.fetch_add(1, std::memory_order_relaxed); }
  ~HooksRunning() {
    if (extras.running.fetch_sub(1, std::memory_order_acq_rel) != 1 || !extras.removed) return;
    std::erase_if(extras.hooks, [](const auto& h) { return h.first == kRemovedHook; });
    extras.removed = false;
  }
  HooksRunning(const HooksRunning&) = delete;
  HooksRunning& operator=(const HooksRunning&) = delete;
  Extras& extras;
};

Tensor run_hooks(Extras& extras, Tensor g, Location where) {
  const HooksRunning running(extras);
  const std::size_t n = extras.hooks.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (extras.hooks[i].first == kRemovedHook) continue;
    Tensor replaced = extras.hooks[i].second(g);
    if (!replaced.defined()) continue;
    if (!same_dims(*replaced.impl(), *g.impl()) || replaced.dtype() != g.dtype()) {
      throw_error<GraphError>(where, "backward",
                              "a hook replaced the gradient {} by {}; shape and dtype must stay", describe(g),
                              describe(replaced));
    }
    g = std::move(replaced);
  }
  return g;
}

}  // namespace

class Walk {
 public:
  // targets empty: accumulate into leaves.
  Walk(std::span<const Tensor> targets, bool create_graph, bool retain, Location where)
      : id_(new_walk_id()),
        targets_(targets),
        create_graph_(create_graph),
        retain_(retain || create_graph),
        where_(where) {}

  ~Walk() {
    // After an error: what is still held goes back without a trace. Nodes that were marked are given back
    // once, below: in between another walk may have taken them.
    for (HeapEntry& e : heap_) {
      drop_gradients(e.node);
      if (targets_.empty()) unclaim(e.node);
      release_node(e.node);
    }
    for (Node* n : visited_) {
      n->needed = n->is_target = false;
      unclaim(n);
      release_node(n);
    }
  }

  void run(std::span<const Tensor> outputs, std::span<const Tensor> seeds) {
    if (!targets_.empty()) mark(outputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) start(outputs[i], seeds.empty() ? Tensor() : seeds[i]);
    const RecordingGuard recording(create_graph_);
    if (graph_internal::watched != nullptr) [[unlikely]]
      return run_observed();
    while (!heap_.empty()) step<false>();
  }

  // All hooks first, so that a throwing one leaves every grad() as it was.
  void commit() {
    const RecordingGuard recording(false);
    for (LeafSlot& s : leaves_) {
      run_leaf_hooks(s);
    }
    for (LeafSlot& s : leaves_) accumulate(s.leaf, std::move(s.grad));
    for (auto& [extras, g] : retained_) accumulate(*extras, std::move(g));
  }

  std::vector<Tensor> results(bool allow_unused) {
    {
      const RecordingGuard recording(create_graph_);
      for (LeafSlot& s : leaves_) {
        if (s.grad.defined()) run_leaf_hooks(s);
      }
    }
    std::vector<Tensor> out;
    out.reserve(targets_.size());
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const Tensor& t = targets_[i];
      Tensor g;
      if (Node* n = t.impl()->node) {
        for (auto& [node, output, value] : captured_) {
          if (node == n && output == t.impl()->output) g = value;
        }
      } else if (LeafSlot* s = find_leaf(t.impl())) {
        g = s->grad;
      }
      if (!g.defined() && !allow_unused) {
        throw_error<GraphError>(where_, "grad",
                                "input {} {} is not reached from the outputs; pass {{.allow_unused = true}} "
                                "to get an undefined gradient for it",
                                i, describe(t));
      }
      out.push_back(std::move(g));
    }
    leaves_.clear();
    captured_.clear();
    // Two gradients may be one tensor, or the caller's seed; each is the caller's own to change.
    for (std::size_t i = 0; i < out.size(); ++i) {
      Tensor& g = out[i];
      if (g.defined() && !g.requires_grad()) g = owned_like(std::move(g), *targets_[i].impl());
    }
    return out;
  }

  Location where() const { return where_; }

  bool needs(Edge& e) {
    if (e.target == nullptr) return false;
    if (targets_.empty()) return true;
    return e.leaf ? find_leaf(e.as_leaf()) != nullptr : e.node()->needed;
  }

  void contribute(Node* from, int input, Tensor g) {
    Edge& e = from->edges()[input];
    if (!needs(e)) return;
    const Target t = target_of(e);
    if (!g.defined()) {
      throw_error<GraphError>(where_, fmt::format("backward of {}", recorded_at(from)),
                              "its rule gave an undefined gradient for input {}", input);
    }
    if (!has_shape(*g.impl(), t)) [[unlikely]] {
      if (!broadcast_from(*g.impl(), t)) {
        throw_error<GraphError>(where_, fmt::format("backward of {}", recorded_at(from)),
                                "its rule gave the gradient {} for input {} of shape {}", describe(g), input,
                                describe(shape_of(t), t.dtype));
      }
      g = kEngineOps.sum_to(g, shape_of(t));
    }
    if (g.dtype() != t.dtype) [[unlikely]] {
      throw_error<GraphError>(where_, fmt::format("backward of {}", recorded_at(from)),
                              "its rule gave the gradient {} for input {} of dtype {}", describe(g), input,
                              name(t.dtype));
    }
    deliver(e, std::move(g));
  }

 private:
  struct HeapEntry {
    std::uint64_t sequence;
    Node* node;  // one reference is the heap's
    bool operator<(const HeapEntry& o) const { return sequence < o.sequence; }
  };
  struct LeafSlot {
    Tensor leaf;
    Tensor grad;
  };
  struct Captured {
    Node* node;
    std::uint32_t output;
    Tensor grad;
  };

  // True if this walk did not hold the node before.
  bool claim(Node* n) {
    std::uint32_t free = 0;
    if (n->walk.load(std::memory_order_relaxed) == id_) return false;
    if (!n->walk.compare_exchange_strong(free, id_, std::memory_order_acquire)) {
      throw_error<GraphError>(
          where_, "backward",
          "{} is being walked by another backward at this moment; walk a graph from one thread at a "
          "time, and not from within its own hooks",
          recorded_at(n));
    }
    return true;
  }
  static void unclaim(Node* n) {
    n->queued = false;
    n->walk.store(0, std::memory_order_release);
  }
  static void drop_gradients(Node* n) {
    for (int i = 0; i < n->outputs; ++i) n->output_slots()[i].grad = Tensor();
  }

  [[noreturn]] void fail_released(Node* n, const Tensor* root) const {
    const std::string by = format_location(n->released_where());
    if (root != nullptr) {
      const auto name = root->name();
      throw_error<GraphError>(where_, "backward",
                              "the graph of {} (recorded at {}) was released by the backward at {}; pass "
                              "{{.retain_graph = true}} there to walk it twice",
                              name.empty() ? describe(*root) : fmt::format("\"{}\"", name),
                              format_location(n->where()), by);
    }
    throw_error<GraphError>(
        where_, "backward",
        "the graph still reaches {}, which was released by the backward at {}: something "
        "computed before that (often a recurrent state) was used again; detach() it there",
        recorded_at(n), by);
  }

  void start(const Tensor& output, Tensor seed) {
    TensorImpl* t = output.impl();
    if (!t->tracked()) {
      throw_error<GraphError>(
          where_, "backward",
          "{} has no graph: no operand required a gradient, or it was computed under NoGrad", describe(*t));
    }
    if (t->node != nullptr && t->node->released) fail_released(t->node, &output);
    if (!seed.defined()) {
      if (t->numel != 1) {
        throw_error<ShapeError>(where_, "backward",
                                "{} has {} elements, so its cotangent must be given: reduce it first "
                                "(sum, mean), or pass a seed of its shape",
                                describe(*t), t->numel);
      }
      seed = empty(output.shape(), t->dtype);
      seed.fill_(1.0);
    } else if (!same_dims(*seed.impl(), *t)) {
      throw_error<ShapeError>(where_, "backward", "the seed {} has another shape than {}", describe(seed),
                              describe(*t));
    } else if (seed.dtype() != t->dtype) {
      throw_error<DtypeError>(where_, "backward", "the seed {} has another dtype than {}", describe(seed),
                              describe(*t));
    }
    Edge e{t->node != nullptr ? static_cast<void*>(t->node) : t, t->output, t->node == nullptr};
    if (needs(e)) deliver(e, std::move(seed));
  }

  // Finds the nodes from which a target is reached.
  void mark(std::span<const Tensor> outputs) {
    SmallVector<TensorImpl*, 16> targets;
    for (const Tensor& t : targets_) {
      if (t.impl()->node == nullptr) targets.push_back(t.impl());
    }
    std::sort(targets.begin(), targets.end());  // a target may be named twice
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (i == 0 || targets[i] != targets[i - 1]) add_leaf(targets[i]);
    }
    for (const Tensor& o : outputs) {
      if (o.impl()->node != nullptr) visit(o.impl()->node);
    }
    std::size_t next = 0;
    while (next < visited_.size()) {
      Node* n = visited_[next++];
      for (std::uint32_t i = 0; i < n->inputs; ++i) {
        if (Node* p = n->edges()[i].node()) visit(p);
      }
    }
    for (const Tensor& t : targets_) {
      Node* n = t.impl()->node;
      if (n != nullptr && n->walk.load(std::memory_order_relaxed) == id_) n->needed = n->is_target = true;
    }
    for (Node* n : visited_) {
      // Where it led to is gone, so a contribution could be missed. Roots are reported by start().
      if (n->released && !n->is_target && !is_root(n, outputs)) fail_released(n, nullptr);
    }
    std::sort(visited_.begin(), visited_.end(), [](Node* a, Node* b) { return a->sequence < b->sequence; });
    for (Node* n : visited_) {
      for (std::uint32_t i = 0; i < n->inputs && !n->needed; ++i) n->needed = needs(n->edges()[i]);
    }
  }

  static bool is_root(const Node* n, std::span<const Tensor> outputs) {
    for (const Tensor& o : outputs) {
      if (o.impl()->node == n) return true;
    }
    return false;
  }

  void visit(Node* n) {
    if (!claim(n)) return;
    n->refs.acquire();
    visited_.push_back(n);
  }

  // The hint is right for all but the first meeting, unless another thread's walk shares the leaf.
  LeafSlot* find_leaf(TensorImpl* leaf) {
    const std::uint32_t hint = leaf->walk_hint.load(std::memory_order_relaxed);
    if (hint < leaves_.size() && leaves_[hint].leaf.impl() == leaf) return &leaves_[hint];
    if (leaves_.size() < kFewLeaves) {
      for (LeafSlot& s : leaves_) {
        if (s.leaf.impl() == leaf) return &s;
      }
      return nullptr;
    }
    const auto it = leaf_index_.find(leaf);
    return it != leaf_index_.end() ? &leaves_[it->second] : nullptr;
  }

  LeafSlot& add_leaf(TensorImpl* leaf) {
    const auto at = static_cast<std::uint32_t>(leaves_.size());
    leaf->walk_hint.store(at, std::memory_order_relaxed);
    LeafSlot& added = leaves_.emplace_back(Tensor::share(leaf), Tensor());
    if (leaves_.size() == kFewLeaves) {
      for (std::uint32_t i = 0; i < at; ++i) leaf_index_.emplace(leaves_[i].leaf.impl(), i);
    }
    if (leaves_.size() >= kFewLeaves) leaf_index_.emplace(leaf, at);
    return added;
  }

  void run_leaf_hooks(LeafSlot& s) {
    Extras* e = s.leaf.impl()->extras;
    if (e != nullptr && !e->hooks.empty()) s.grad = run_hooks(*e, std::move(s.grad), where_);
  }

  // Sums into a slot: empty -> borrowed -> owned, and from then on in place.
  void add_to(Tensor& slot, Tensor g) {
    if (!slot.defined()) {
      slot = std::move(g);
    } else if (create_graph_) {
      slot = kEngineOps.add(slot, g);
    } else if (sole_owner(slot)) {
      kEngineOps.accumulate(slot.view(), g.view());
    } else if (sole_owner(g)) {
      kEngineOps.accumulate(g.view(), slot.view());
      slot = std::move(g);
    } else {
      slot = kEngineOps.add(slot, g);
    }
  }

  void deliver(Edge& e, Tensor g) {
    if (e.leaf) {
      LeafSlot* s = targets_.empty() ? &leaf_slot(e.as_leaf()) : find_leaf(e.as_leaf());
      add_to(s->grad, std::move(g));
      return;
    }
    Node* n = e.node();
    // Claimed before its marks are read: they may be another walk's.
    if (claim(n) || !n->queued) {
      n->queued = true;
      n->refs.acquire();
      heap_.push_back({n->sequence, n});
      std::push_heap(heap_.begin(), heap_.end());
    }
    add_to(n->output_slots()[e.output].grad, std::move(g));
  }

  LeafSlot& leaf_slot(TensorImpl* leaf) {
    LeafSlot* s = find_leaf(leaf);
    return s != nullptr ? *s : add_leaf(leaf);
  }

  void run_extras(Node* n) {
    // By index: a hook may give this node more extras.
    for (std::size_t i = 0; i < n->extras->by_output.size(); ++i) {
      const auto [output, extras] = n->extras->by_output[i];
      Tensor& g = n->output_slots()[output].grad;
      if (!g.defined()) continue;
      if (!extras->hooks.empty()) g = run_hooks(*extras, std::move(g), where_);
      if (extras->keep_grad && targets_.empty()) retained_.emplace_back(extras, g);
    }
  }

  [[gnu::noinline]] void run_observed() {
    Observers::begin_walk(where_);
    struct End {
      Location where;
      ~End() { Observers::end_walk(where); }
    } const end{where_};
    while (!heap_.empty()) step<true>();
    for (const LeafSlot& s : leaves_) {
      if (s.grad.defined()) Observers::leaf_gradient(s.leaf, s.grad, where_);
    }
  }

  // What has arrived so far for each input of a node.
  [[gnu::noinline]] void observe_rule(Node* n) {
    std::vector<Tensor> gradients(n->inputs);
    for (std::uint32_t i = 0; i < n->inputs; ++i) {
      Edge& e = n->edges()[i];
      if (!needs(e)) continue;
      gradients[i] = e.leaf ? find_leaf(e.as_leaf())->grad : e.node()->output_slots()[e.output].grad;
    }
    Observers::after_rule(*n, gradients, where_);
  }

  template <bool kObserved>
  [[gnu::always_inline]] void step() {
    Node* n = heap_.begin()->node;
    // A claimed node stays first in the heap until its rule is done, so that an error finds it there. What
    // the rule pushes has lower sequence numbers, so it stays the maximum.
    if (n->extras != nullptr) run_extras(n);
    if (n->is_target) {
      for (const Tensor& t : targets_) {
        if (t.impl()->node != n) continue;
        captured_.push_back({n, t.impl()->output, n->output_slots()[t.impl()->output].grad});
      }
    }
    bool wanted = targets_.empty();
    for (std::uint32_t i = 0; i < n->inputs && !wanted; ++i) wanted = needs(n->edges()[i]);
    if (wanted) {
      if (n->released) fail_released(n, nullptr);
      RuleContext context;
      context.walk_ = this;
      context.node_ = n;
      if constexpr (kObserved) Observers::before_rule(*n, where_);
      const InRule in_rule(n->where());
      n->op->rule(context);
      check_complete(n, context.set_);
      if constexpr (kObserved) observe_rule(n);
    }
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    drop_gradients(n);
    if (wanted && !retain_) release_contents(n, where_);
    if (targets_.empty()) {
      unclaim(n);
    } else {
      n->queued = false;
    }
    release_node(n);
  }

  // A rule that forgets an input would give a wrong sum in silence. Inputs from 64 on share a bit.
  void check_complete(Node* n, std::uint64_t set) {
    std::uint64_t expected = 0;
    for (std::uint32_t i = 0; i < n->inputs; ++i) {
      if (needs(n->edges()[i])) expected |= std::uint64_t{1} << (i & 63);
    }
    if ((expected & ~set) == 0) [[likely]]
      return;
    throw_error<GraphError>(where_, fmt::format("backward of {}", recorded_at(n)),
                            "its rule set no gradient for input {}, which requires one",
                            __builtin_ctzll(expected & ~set));
  }

  struct InRule {
    explicit InRule(Location where) : before(thread_state.in_rule), before_where(thread_state.rule_where) {
      thread_state.in_rule = true;
      thread_state.rule_where = where;
    }
    ~InRule() {
      thread_state.in_rule = before;
      thread_state.rule_where = before_where;
    }
    InRule(const InRule&) = delete;
    InRule& operator=(const InRule&) = delete;
    bool before;
    Location before_where;
  };

  static void accumulate(const Tensor& leaf, Tensor g) {
    if (!leaf.grad().defined()) {
      Tensor(leaf).set_grad(owned(std::move(g)));
    } else {
      add_into(leaf.impl()->extras->grad, g);
    }
  }
  static void accumulate(Extras& e, Tensor g) {
    if (!e.grad.defined()) {
      e.grad = owned(std::move(g));
    } else {
      add_into(e.grad, g);
    }
  }
  static void add_into(Tensor& sum, const Tensor& g) {
    const TensorImpl* t = sum.impl();
    // Strides may let elements overlap; a gradient with a history must not change under it.
    if (t->tracked() || t->strides != nullptr) {
      sum = kEngineOps.add(sum, g);
    } else {
      kEngineOps.accumulate(mutate(sum, "backward", Location{}), g.view());
    }
  }

  const std::uint32_t id_;
  const std::span<const Tensor> targets_;
  const bool create_graph_;
  const bool retain_;
  const Location where_;
  SmallVector<HeapEntry, 16> heap_;
  static constexpr std::size_t kFewLeaves = 32;  // below, a loop is faster than the table
  SmallVector<LeafSlot, 16> leaves_;
  std::unordered_map<TensorImpl*, std::uint32_t> leaf_index_;
  SmallVector<Captured, 2> captured_;
  std::vector<std::pair<Ref<Extras>, Tensor>> retained_;
  std::vector<Node*> visited_;
};

namespace {

void check_defined(std::span<const Tensor> tensors, const char* what, Location where) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) throw_error<ValueError>(where, "grad", "{} {} is an empty handle", what, i);
  }
}

}  // namespace

void Tensor::backward(BackwardOptions options, Location where) const {
  checked();
  Walk walk({}, false, options.retain_graph, where);
  walk.run(std::span(this, 1), {});
  walk.commit();
}

void Tensor::backward(const Tensor& seed, BackwardOptions options, Location where) const {
  checked();
  Walk walk({}, false, options.retain_graph, where);
  walk.run(std::span(this, 1), std::span(&seed, 1));
  walk.commit();
}

std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs, GradOptions options,
                         Location where) {
  check_defined(outputs, "output", where);
  check_defined(inputs, "input", where);
  if (!options.seeds.empty() && options.seeds.size() != outputs.size()) {
    throw_error<ValueError>(where, "grad", "{} seeds for {} outputs", options.seeds.size(), outputs.size());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) {
      throw_error<GraphError>(where, "grad", "input {} {} does not require a gradient", i,
                              describe(inputs[i]));
    }
  }
  if (inputs.empty()) return {};
  Walk walk(inputs, options.create_graph, options.retain_graph, where);
  walk.run(outputs, options.seeds);
  return walk.results(options.allow_unused);
}

const OpDef& RuleContext::op() const { return *node_->op; }
int RuleContext::size() const { return static_cast<int>(node_->inputs); }
bool RuleContext::needs(int i) const { return static_cast<Walk*>(walk_)->needs(node_->edges()[i]); }
bool RuleContext::has_grad(int output) const { return node_->output_slots()[output].grad.defined(); }

Tensor RuleContext::grad(int output) const {
  const OutputSlot& s = node_->output_slots()[output];
  if (s.grad.defined()) return s.grad;
  Tensor zero = empty(shape_of(target_of(s)), s.dtype);
  zero.fill_(0.0);
  return zero;
}

namespace {

const SavedSlot& saved_slot(Node* n, int slot) {
  for (int i = 0; i < n->saved; ++i) {
    if (n->saved_slots()[i].slot == slot) return n->saved_slots()[i];
  }
  throw_error<GraphError>(n->where(), n->op->name,
                          "its rule reads {} {}, which `saves` of its OpDef does not keep for this gradient",
                          slot < 16 ? "input" : "output", slot & 15);
}

void check_version(Node* n, const SavedSlot& s, Location walk_where) {
  const Storage* storage = s.value.impl()->storage;
  if (storage->version == s.version) return;
  throw_error<GraphError>(
      walk_where, fmt::format("backward of {}", recorded_at(n)),
      "{} {} {} was changed in place after it was saved (version {}, now {}, last by {} at {}); change it "
      "after the backward, or compute a new tensor",
      s.slot < 16 ? "input" : "output", s.slot & 15, describe(s.value), s.version, storage->version,
      storage->last_writer, format_location({storage->last_write_file, storage->last_write_line}));
}

}  // namespace

Tensor RuleContext::input(int i) const {
  const SavedSlot& s = saved_slot(node_, i);
  check_version(node_, s, static_cast<Walk*>(walk_)->where());
  return s.value;
}

Tensor RuleContext::output(int i) const {
  const SavedSlot& s = saved_slot(node_, 16 + i);
  check_version(node_, s, static_cast<Walk*>(walk_)->where());
  if (!thread_state.recording) return s.value;
  // For a derivative of the derivative the output is once more the result of this node.
  Tensor t = Tensor::adopt(new_alias(*s.value.impl()));
  node_->refs.acquire();
  t.impl()->node = node_;
  t.impl()->output = static_cast<std::uint32_t>(i);
  return t;
}

Shape RuleContext::input_shape(int i) const {
  if ((node_->op->flags & kInputShapes) != 0) return node_->input_shapes()[i];
  return shape_of(target_of(node_->edges()[i]));
}
DType RuleContext::input_dtype(int i) const { return target_of(node_->edges()[i]).dtype; }
Shape RuleContext::output_shape(int i) const { return shape_of(target_of(node_->output_slots()[i])); }
const void* RuleContext::attr_bytes() const { return node_->attrs(); }

void RuleContext::set(int i, Tensor grad) {
  set_ |= std::uint64_t{1} << (i & 63);
  static_cast<Walk*>(walk_)->contribute(node_, i, std::move(grad));
}

}  // namespace gradus
