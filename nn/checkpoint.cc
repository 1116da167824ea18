// The function runs while its graph is recorded, which shows what leaves it uses; the graph is dropped and a
// single node recorded in its place, with edges to the inputs and to those leaves. Its rule runs the function
// again and differentiates what that recorded. Under create_graph the rule is itself a checkpoint, of the
// gradients as a function of the inputs and the cotangent, so that every order is right.
#include "gradus/nn/checkpoint.h"

#include <memory>
#include <unordered_set>
#include <vector>

#include "gradus/base/random.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus::nn {
namespace {

constexpr const char* kOp = "checkpoint";
// The op's inputs: the value (which the output shares), the record below (in a tensor's memory, so that it is
// saved and freed as one), the function's inputs, the leaves it uses.
constexpr int kFirst = 2;
constexpr const char* kInputs[] = {"value", "record", "inputs"};

struct Record {
  std::shared_ptr<const CheckpointFunction> f;
  std::vector<Tensor> inputs;
  std::vector<Tensor> leaves;
  std::vector<std::uint32_t> versions;  // of the inputs, then of the leaves
  Generator before;                     // the default generator
  bool draws = false;                   // f took numbers from it
};

std::uint32_t version_of(const Tensor& t) { return t.impl()->storage->version; }

// Puts the default generator where it was when f ran first, and back.
class Replay {
 public:
  explicit Replay(const Record& r) : on_(r.draws), now_(default_generator()) {
    if (on_) set_default_generator(r.before);
  }
  ~Replay() {
    if (on_) set_default_generator(now_);
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

 private:
  bool on_;
  Generator now_;
};

// Leaves of their own with the values of the inputs.
std::vector<Tensor> detached(std::span<const Tensor> inputs) {
  std::vector<Tensor> out;
  out.reserve(inputs.size());
  for (const Tensor& x : inputs) {
    out.push_back(x.detach());
    if (x.requires_grad()) out.back().requires_grad(true);
  }
  return out;
}

// The leaves below y other than `inputs`. Nodes up to `before` were there when the function began.
std::vector<Tensor> leaves_below(const Tensor& y, std::span<const Tensor> inputs, std::uint64_t before,
                                 Location where) {
  std::unordered_set<const void*> seen;
  for (const Tensor& x : inputs) seen.insert(x.impl());
  std::vector<Tensor> leaves;
  std::vector<Node*> open;
  const auto meet = [&](Node* n) {
    if (!seen.insert(n).second) return;
    if (n->sequence <= before) {
      throw_error<GraphError>(
          where, kOp,
          "the function uses a result of {} (recorded at {}), which is not among its inputs; "
          "pass it as one, so that its gradient is known",
          n->op->name, format_location(n->where()));
    }
    open.push_back(n);
  };
  if (y.impl()->node != nullptr) {
    meet(y.impl()->node);
  } else if (seen.insert(y.impl()).second) {
    leaves.push_back(y);
  }
  while (!open.empty()) {
    Node* n = open.back();
    open.pop_back();
    for (std::uint32_t i = 0; i < n->inputs; ++i) {
      const Edge& e = n->edges()[i];
      if (Node* below = e.node()) {
        meet(below);
      } else if (TensorImpl* leaf = e.as_leaf(); leaf != nullptr && seen.insert(leaf).second) {
        leaves.push_back(Tensor::share(leaf));
      }
    }
  }
  return leaves;
}

void check_unchanged(const Record& r) {
  for (std::size_t i = 0; i < r.versions.size(); ++i) {
    const bool is_input = i < r.inputs.size();
    const Tensor& t = is_input ? r.inputs[i] : r.leaves[i - r.inputs.size()];
    if (version_of(t) == r.versions[i]) continue;
    throw_error<GraphError>(
        graph_internal::thread_state.rule_where, "backward of checkpoint",
        "{} {} was changed in place after the forward, so that it cannot be computed again",
        is_input ? "an input" : "a parameter", describe(t));
  }
}

// f again, and the gradients of its result for `cotangent` by those of (inputs, leaves) that `wanted` names;
// zeros for what the result does not depend on.
std::vector<Tensor> gradients(const Record& r, std::span<const Tensor> inputs, const Tensor& cotangent,
                              const std::vector<std::size_t>& wanted, bool create_graph) {
  Tensor y;
  {
    const EnableGrad guard;
    const Replay replay(r);
    y = (*r.f)(inputs);
  }
  std::vector<Tensor> targets;
  targets.reserve(wanted.size());
  for (const std::size_t i : wanted) {
    targets.push_back(i < inputs.size() ? inputs[i] : r.leaves[i - inputs.size()]);
  }
  std::vector<Tensor> g(targets.size());
  if (y.requires_grad()) {
    g = grad(y, targets,
             {.create_graph = create_graph, .allow_unused = true, .seeds = std::span(&cotangent, 1)},
             graph_internal::thread_state.rule_where);
  }
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (!g[i].defined()) g[i] = zeros_like(targets[i]);
  }
  return g;
}

void infer(InferContext& c) {
  c.set_out_like(0, 0);
  const TensorImpl& t = c.impl(0);
  if (t.strides == nullptr) return;
  c.out(0).has_strides = true;
  for (int i = 0; i < t.rank; ++i) c.out(0).strides[i] = t.strides[i];
}

void rule(RuleContext& c) {
  const Tensor holder = c.input(1);
  const auto record = *static_cast<const std::shared_ptr<const Record>*>(holder.view().data);
  check_unchanged(*record);
  std::vector<std::size_t> wanted;
  for (int i = kFirst; i < c.size(); ++i) {
    if (c.needs(i)) wanted.push_back(static_cast<std::size_t>(i - kFirst));
  }
  if (!is_recording()) {
    const std::vector<Tensor> g = gradients(*record, detached(record->inputs), c.grad(), wanted, false);
    for (std::size_t k = 0; k < wanted.size(); ++k) c.set(static_cast<int>(wanted[k]) + kFirst, g[k]);
    return;
  }
  // One function of (inputs, cotangent) with one result: all gradients behind each other.
  std::vector<Tensor> inputs = record->inputs;
  inputs.push_back(c.grad());
  const Tensor flat = checkpoint_list(
      [record, wanted](std::span<const Tensor> in) {
        const std::vector<Tensor> g =
            gradients(*record, in.first(in.size() - 1), in.back(), wanted, /*create_graph=*/true);
        std::vector<Tensor> lists;
        lists.reserve(g.size());
        for (const Tensor& t : g) lists.push_back(reshape(t, {t.numel()}));
        return concat(lists);
      },
      inputs, graph_internal::thread_state.rule_where);
  std::int64_t begin = 0;
  for (const std::size_t i : wanted) {
    const Tensor& like =
        i < record->inputs.size() ? record->inputs[i] : record->leaves[i - record->inputs.size()];
    const Tensor part = slice(flat, 0, begin, begin + like.numel());
    begin += like.numel();
    c.set(static_cast<int>(i) + kFirst, reshape(part, like.shape()));
  }
}

constexpr SaveMask kSaves[] = {in(1)};

constinit const OpDef op_checkpoint = {
    .name = kOp,
    .doc = "a function that is computed again in the backward",
    .inputs = kInputs,
    .variadic = true,
    .saves = kSaves,
    .flags = kView,
    .infer = infer,
    .rule = rule,
};

}  // namespace

Tensor checkpoint_list(CheckpointFunction f, std::span<const Tensor> inputs, Location where) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) throw_error<ValueError>(where, kOp, "input {} is an empty handle", i);
  }
  if (!is_recording()) return f(inputs);

  auto record = std::make_shared<Record>();
  record->f = std::make_shared<const CheckpointFunction>(std::move(f));
  record->inputs.assign(inputs.begin(), inputs.end());
  record->before = default_generator();
  Tensor value;
  {
    const std::vector<Tensor> own = detached(inputs);
    const std::uint64_t before = graph_internal::thread_state.sequence;
    const Tensor y = (*record->f)(own);
    if (!y.defined()) throw_error<ValueError>(where, kOp, "the function gave an empty handle");
    if (!y.requires_grad()) return y.detach();
    record->leaves = leaves_below(y, own, before, where);
    value = y.detach();
  }
  const Generator after = default_generator();
  record->draws = after.seed != record->before.seed || after.counter != record->before.counter;
  // The result must be nobody else's memory, an input's least of all.
  if (!value.impl()->storage->refs.unique()) value = value.clone_detached();

  std::vector<Operand> operands;
  operands.reserve(kFirst + record->inputs.size() + record->leaves.size());
  for (const auto* list : {&record->inputs, &record->leaves}) {
    for (const Tensor& t : *list) record->versions.push_back(version_of(t));
  }
  auto* held = new std::shared_ptr<const Record>(record);
  const Tensor holder = from_buffer(
      held, {static_cast<std::int64_t>(sizeof(*held))}, DType::u8, [held] { delete held; }, where);
  operands.emplace_back(value, where);
  operands.emplace_back(holder, where);
  for (const auto* list : {&record->inputs, &record->leaves}) {
    for (const Tensor& t : *list) operands.emplace_back(t, where);
  }
  return apply(op_checkpoint, operands, nullptr);
}

}  // namespace gradus::nn
