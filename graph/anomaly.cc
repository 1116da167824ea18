#include "gradus/graph/anomaly.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gradus/graph/apply.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/node.h"

namespace gradus {
namespace {

using Value = AnomalyError::Value;

const char* input_name(const OpDef& op, std::size_t i) {
  return op.inputs.empty() ? "input" : op.inputs[std::min(i, op.inputs.size() - 1)];
}

Value value_of(std::string name, const TensorImpl& t) {
  return {std::move(name), describe(t), statistics(t.view())};
}

std::string text(const Value& v) {
  return fmt::format("{} {} ({})", v.name, v.tensor, to_string(v.statistics));
}

std::string text(std::span<const Value> values) {
  std::string out;
  for (const Value& v : values) out += (out.empty() ? "" : ", ") + text(v);
  return out;
}

// "[1, 2]" for a row-major index.
std::string place(const TensorImpl& t, std::int64_t index) {
  std::int64_t at[kMaxRank] = {};
  for (int i = t.rank - 1; i >= 0; --i) {
    at[i] = index % t.dims()[i];
    index /= t.dims()[i];
  }
  return format_shape({at, t.rank});
}

// "3 NaN and 1 inf, the first at [1, 2]"
std::string what_is_wrong(const TensorImpl& t, const Statistics& s) {
  std::string counts;
  if (s.nan > 0) counts = fmt::format("{} NaN", s.nan);
  if (s.inf > 0) counts += fmt::format("{}{} inf", s.nan > 0 ? " and " : "", s.inf);
  return fmt::format("{} of {} elements, the first at {}", counts, s.elements,
                     place(t, first_not_finite(t.view())));
}

bool infinite_attribute(const OpDef& op, const void* attrs) {
  return std::any_of(op.attrs.begin(), op.attrs.end(), [attrs](const AttrDef& a) {
    if (a.type != AttrType::f64) return false;
    double value = 0;
    std::memcpy(&value, static_cast<const std::byte*>(attrs) + a.offset, sizeof(value));
    return !std::isfinite(value);
  });
}

// A tensor that the node seems to have given: it carries the graph, its elements say nothing.
Tensor output_of(Node& n) {
  const OutputSlot& o = n.output_slots()[0];
  Tensor t = empty(Shape(std::span<const std::int64_t>(o.dims, o.rank)), o.dtype);
  n.refs.acquire();
  t.impl()->node = &n;
  return t;
}

std::string since(Location where) {
  return fmt::format("found by the AnomalyGuard of {}", format_location(where));
}

// What the node kept, under the names of its inputs.
void add_saved(Node& n, std::vector<Value>& out) {
  for (int i = 0; i < n.saved; ++i) {
    const SavedSlot& s = n.saved_slots()[i];
    if (!s.value.defined()) continue;
    const TensorImpl& t = *s.value.impl();
    out.push_back(value_of(
        s.slot < 16 ? fmt::format("saved {}", input_name(*n.op, s.slot)) : std::string("saved result"), t));
  }
}

AnomalyError::Found found_at(Node& n, Location walk) {
  AnomalyError::Found f;
  f.op = n.op->name;
  f.backward = true;
  f.where = n.where();
  f.walk = walk;
  f.sequence = n.sequence;
  f.output = output_of(n);
  return f;
}

[[noreturn]] void fail(Location where, const std::string& who, const std::string& what,
                       AnomalyError::Found f) {
  const std::string message = format_message(where, who, what);
  throw AnomalyError(message, std::move(f));
}

}  // namespace

void AnomalyGuard::after_op(const ObservedOp& call, std::span<const Tensor> outs) {
  if (call.in_rule) return;
  for (std::size_t k = 0; k < outs.size(); ++k) {
    const TensorImpl& t = *outs[k].impl();
    if (all_finite(t.view())) continue;
    Value result = value_of(outs.size() == 1 ? "result" : fmt::format("result {}", k), t);
    bool nan_came_in = false;
    bool inf_came_in = infinite_attribute(*call.op, call.attrs);
    std::vector<Value> operands;
    for (std::size_t i = 0; i < call.in.size(); ++i) {
      operands.push_back(value_of(input_name(*call.op, i), *call.in[i].impl));
      nan_came_in |= operands.back().statistics.nan > 0;
      inf_came_in |= operands.back().statistics.inf > 0;
    }
    if (result.statistics.nan == 0 && inf_came_in) continue;
    AnomalyError::Found f;
    f.op = call.op->name;
    f.where = call.where;
    if (t.node != nullptr) {
      f.sequence = t.node->sequence;
      f.output = outs[k];
    }
    const std::string what = fmt::format(
        "its {} {} holds {}{}; of {}; {}", result.name, result.tensor, what_is_wrong(t, result.statistics),
        nan_came_in ? " (an operand held NaN before any op of the guard's time)" : "",
        operands.empty() ? "no operands" : text(operands), since(where_));
    f.result = std::move(result);
    f.operands = std::move(operands);
    fail(call.where, call.op->name, what, std::move(f));
  }
}

void AnomalyGuard::before_rule(Node& node, Location walk) {
  for (int k = 0; k < node.outputs; ++k) {
    const Tensor& g = node.output_slots()[k].grad;
    if (!g.defined() || all_finite(g.view())) continue;
    // Rules' gradients have been checked, so this one came from outside.
    AnomalyError::Found f = found_at(node, walk);
    f.result = value_of("cotangent", *g.impl());
    const std::string what = fmt::format(
        "its cotangent {} holds {} before its rule runs: the seed did, a hook put it there, or a sum of "
        "gradients overflowed; {}",
        f.result.tensor, what_is_wrong(*g.impl(), f.result.statistics), since(where_));
    fail(walk, fmt::format("backward of {} (recorded at {})", node.op->name, format_location(node.where())),
         what, std::move(f));
  }
}

void AnomalyGuard::after_rule(Node& node, std::span<const Tensor> gradients, Location walk) {
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const Tensor& g = gradients[i];
    if (!g.defined() || all_finite(g.view())) continue;
    AnomalyError::Found f = found_at(node, walk);
    const Edge& e = node.edges()[i];
    const char* leaf = e.leaf && e.as_leaf()->name != nullptr ? e.as_leaf()->name : nullptr;
    f.result = value_of(fmt::format("gradient of {}{}", input_name(*node.op, i),
                                    leaf != nullptr ? fmt::format(" \"{}\"", leaf) : ""),
                        *g.impl());
    for (int k = 0; k < node.outputs; ++k) {
      const Tensor& c = node.output_slots()[k].grad;
      if (c.defined()) f.operands.push_back(value_of("cotangent", *c.impl()));
    }
    add_saved(node, f.operands);
    const std::string what =
        fmt::format("the {} {} holds {}; of {}; {}", f.result.name, f.result.tensor,
                    what_is_wrong(*g.impl(), f.result.statistics), text(f.operands), since(where_));
    fail(walk, fmt::format("backward of {} (recorded at {})", node.op->name, format_location(node.where())),
         what, std::move(f));
  }
}

}  // namespace gradus
