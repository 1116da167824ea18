#include "gradus/graph/profile.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "gradus/base/format.h"
#include "gradus/graph/apply.h"
#include "gradus/graph/flops.h"
#include "gradus/graph/node.h"
#include "gradus/graph/snapshot.h"

namespace gradus {
namespace {

std::int64_t clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t bytes_of(const TensorImpl& t) { return t.numel * static_cast<std::int64_t>(size_of(t.dtype)); }

Shape shape_of(const TensorImpl& t) { return Shape(std::span<const std::int64_t>(t.dims(), t.rank)); }

ProfiledTensor profiled(const TensorImpl& t) {
  return {shape_of(t), t.dtype, t.name != nullptr ? t.name : ""};
}

double numel(const Shape& s) {
  double n = 1;
  for (const std::int64_t d : s) n *= static_cast<double>(d);
  return n;
}

bool flag(const ObservedOp& call, std::string_view name) {
  for (const AttrDef& a : call.op->attrs) {
    if (a.name == name && a.type == AttrType::boolean)
      return *reinterpret_cast<const bool*>(static_cast<const std::byte*>(call.attrs) + a.offset);
  }
  return false;
}

// Beside estimate_flops(): the ops that derivatives are made of, as multiples of what they are derived from.
double flops_of(const ObservedOp& call, const ProfiledCall& c) {
  const std::string_view op = call.op->name;
  const auto size = [&](std::size_t i) { return numel(c.inputs[i].shape); };
  // dw [O, ...] sums over the elements of one output channel of the cotangent.
  if (op == "conv_weight_backward" && c.inputs.size() > 1 && !c.outputs[0].shape.empty() &&
      c.outputs[0].shape[0] > 0) {
    return 2 * size(1) * numel(c.outputs[0].shape) / static_cast<double>(c.outputs[0].shape[0]);
  }
  FlopsQuery q;
  q.op = op;
  q.flags = call.op->flags;
  double multiple = 1;
  // Attention computes two products, its backward five; a recurrence one with each weight, its backward two.
  for (const auto& [name, forward, times] :
       {std::tuple("scaled_dot_product_attention_backward", "scaled_dot_product_attention", 2.5),
        std::tuple("rnn_backward", "rnn", 2.0), std::tuple("lstm_backward", "lstm", 2.0),
        std::tuple("gru_backward", "gru", 2.0)}) {
    if (op != name) continue;
    q.op = forward;
    multiple = times;
  }
  std::vector<std::optional<Shape>> inputs;
  inputs.reserve(c.inputs.size());
  for (const ProfiledTensor& t : c.inputs) inputs.emplace_back(t.shape);
  q.inputs = inputs;
  q.output = c.outputs[0].shape;
  q.trans_a = flag(call, "trans_a");
  q.trans_b = flag(call, "trans_b");
  return multiple * estimate_flops(q);
}

}  // namespace

Profile::Profile(ProfileOptions options)
    : options_(options),
      begin_(clock_ns()),
      thread_(std::hash<std::thread::id>()(std::this_thread::get_id())) {}

std::int64_t Profile::now_ns() const { return clock_ns() - begin_; }

void Profile::clear() {
  calls_.clear();
  leaves_.clear();
  rules_.clear();
  walks_.clear();
  in_op_ = false;
}

ProfiledLeaf& Profile::leaf(std::string_view name) {
  for (ProfiledLeaf& l : leaves_) {
    if (l.name == name) return l;
  }
  leaves_.push_back({std::string(name), {}, {}});
  return leaves_.back();
}

void Profile::before_op(const ObservedOp& call) {
  if (in_op_) calls_.pop_back();
  in_op_ = true;
  ProfiledCall& c = calls_.emplace_back();
  c.op = call.op;
  c.kind = rules_.empty() ? ProfiledCall::Kind::forward : ProfiledCall::Kind::in_rule;
  c.where = call.where;
  c.thread = thread_;
  c.inputs.reserve(call.in.size());
  // A tensor may lend its buffer to the result, so it is looked at before.
  const bool view = (call.op->flags & kView) != 0;
  for (const Operand& o : call.in) {
    if (o.impl == nullptr) continue;  // the op refuses it
    c.inputs.push_back(profiled(*o.impl));
    if (!view) c.bytes += bytes_of(*o.impl);
    if (options_.statistics && o.impl->leaf_requires_grad && o.impl->name != nullptr)
      leaf(o.impl->name).value = statistics(o.impl->view());
  }
  op_begin_ = clock_ns();
}

void Profile::after_op(const ObservedOp& call, std::span<const Tensor> outs) {
  const std::int64_t end = clock_ns();
  in_op_ = false;
  ProfiledCall& c = calls_.back();
  c.start_ns = op_begin_ - begin_;
  c.duration_ns = end - op_begin_;
  const bool view = (call.op->flags & kView) != 0;
  for (const Tensor& t : outs) {
    c.outputs.push_back(profiled(*t.impl()));
    if (!view) c.bytes += bytes_of(*t.impl());
    if (t.impl()->node != nullptr) c.sequence = t.impl()->node->sequence;
  }
  c.flops = flops_of(call, c);
  if (options_.statistics) c.statistics = statistics(outs[0].view());
  if (rules_.empty()) return;
  ProfiledCall& rule = calls_[rules_.back()];
  c.sequence = rule.sequence;
  rule.bytes += c.bytes;
  rule.flops += c.flops;
}

ProfiledCall& Profile::begin_call(ProfiledCall::Kind kind, const OpDef* op, Location where) {
  if (in_op_) calls_.pop_back();
  in_op_ = false;
  ProfiledCall& c = calls_.emplace_back();
  c.op = op;
  c.kind = kind;
  c.where = where;
  c.thread = thread_;
  c.start_ns = now_ns();
  return c;
}

void Profile::begin_walk(Location walk) {
  begin_call(ProfiledCall::Kind::walk, nullptr, walk);
  walks_.push_back({calls_.size() - 1, rules_.size()});
}

void Profile::end_walk(Location) {
  if (walks_.empty()) return;  // it began before the profile did, or before clear()
  const Walk walk = walks_.back();
  walks_.pop_back();
  ProfiledCall& c = calls_[walk.call];
  c.duration_ns = now_ns() - c.start_ns;
  // A walk that failed leaves rules open.
  rules_.resize(walk.rules);
}

void Profile::before_rule(Node& node, Location) {
  ProfiledCall& c = begin_call(ProfiledCall::Kind::rule, node.op, node.where());
  rules_.push_back(calls_.size() - 1);
  c.sequence = node.sequence;
  if (!options_.statistics) return;
  const Tensor& g = node.output_slots()[0].grad;
  if (g.defined()) c.statistics = statistics(g.view());
  c.start_ns = now_ns();
}

void Profile::after_rule(Node&, std::span<const Tensor>, Location) {
  if (rules_.empty()) return;
  ProfiledCall& c = calls_[rules_.back()];
  rules_.pop_back();
  c.duration_ns = now_ns() - c.start_ns;
}

void Profile::leaf_gradient(const Tensor& t, const Tensor& gradient, Location) {
  if (options_.statistics && !t.name().empty()) leaf(t.name()).gradient = statistics(gradient.view());
}

namespace {

GraphSnapshot::Statistics of_snapshot(const Statistics& s) {
  return {s.min, s.max, s.mean, s.norm, s.nan, s.inf};
}

}  // namespace

void add_measurements(GraphSnapshot& graph, const Profile& profile) {
  std::unordered_map<std::uint64_t, GraphSnapshot::Node*> recorded;
  std::unordered_map<std::string_view, GraphSnapshot::Node*> leaves;
  for (GraphSnapshot::Node& n : graph.nodes) {
    if (n.sequence != 0) recorded.emplace(n.sequence, &n);
    if (n.is_leaf() && !n.name().empty()) leaves.emplace(n.name(), &n);
  }
  for (const ProfiledCall& c : profile.calls()) {
    const auto it = recorded.find(c.sequence);
    if (it == recorded.end()) continue;
    const bool looked_at = c.statistics.elements > 0;
    if (c.kind == ProfiledCall::Kind::forward) {
      it->second->forward_ns = it->second->forward_ns.value_or(0) + c.duration_ns;
      if (looked_at) it->second->value = of_snapshot(c.statistics);
    } else if (c.kind == ProfiledCall::Kind::rule) {
      it->second->backward_ns = it->second->backward_ns.value_or(0) + c.duration_ns;
      if (looked_at) it->second->gradient = of_snapshot(c.statistics);
    }
  }
  for (const ProfiledLeaf& l : profile.leaves()) {
    const auto it = leaves.find(l.name);
    if (it == leaves.end()) continue;
    if (l.value.elements > 0) it->second->value = of_snapshot(l.value);
    if (l.gradient.elements > 0) it->second->gradient = of_snapshot(l.gradient);
  }
}

std::vector<ProfileRow> sorted_by_time(std::vector<ProfileRow> rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const ProfileRow& a, const ProfileRow& b) {
    return a.forward_ns + a.backward_ns > b.forward_ns + b.backward_ns;
  });
  return rows;
}

}  // namespace gradus
