#include "gradus/graph/custom.h"

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "gradus/graph/apply.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/tensor_impl.h"

namespace gradus {
namespace {

// The op's inputs: the value (which the output shares), the vjp (in a tensor's memory, so that it is saved
// and freed as one), then the user's.
constexpr int kFirst = 2;
constexpr std::size_t kMaxInputs = 16 - kFirst;
constexpr const char* kInputs[] = {"value", "vjp", "inputs"};

void infer_share(InferContext& c) {
  c.set_out_like(0, 0);
  const TensorImpl& t = c.impl(0);
  if (t.strides == nullptr) return;
  c.out(0).has_strides = true;
  for (int i = 0; i < t.rank; ++i) c.out(0).strides[i] = t.strides[i];
}

void rule(RuleContext& c);
void rule_of_vjp(RuleContext& c) {
  throw_error<GraphError>(graph_internal::thread_state.rule_where, c.op().name,
                          "the second derivative of a custom op whose vjp is not written in differentiable "
                          "ops; use ops on the inputs and the cotangent instead of their elements");
}

// An op of its own for each name and number of inputs, for as long as the process: nodes point to it.
struct NamedOp {
  std::string name;
  std::string vjp_name;
  std::vector<SaveMask> saves;
  OpDef op;
  OpDef vjp;
};

const NamedOp& named_op(std::string_view name, std::size_t inputs) {
  static std::mutex mutex;
  static auto* ops = new std::map<std::pair<std::string, std::size_t>, std::unique_ptr<NamedOp>>;
  const std::lock_guard lock(mutex);
  auto& entry = (*ops)[{std::string(name), inputs}];
  if (entry == nullptr) {
    SaveMask all = 0;
    for (std::size_t i = 1; i < kFirst + inputs; ++i) all |= in(static_cast<int>(i));
    entry = std::make_unique<NamedOp>(
        NamedOp{std::string(name), "vjp of " + std::string(name), {all}, OpDef{}, OpDef{}});
    entry->op = OpDef{.name = entry->name.c_str(),
                      .doc = "an op of the program's own",
                      .inputs = kInputs,
                      .variadic = true,
                      .saves = entry->saves,
                      .flags = kView,
                      .infer = infer_share,
                      .rule = rule};
    entry->vjp = entry->op;
    entry->vjp.name = entry->vjp_name.c_str();
    entry->vjp.saves = {};
    entry->vjp.rule = rule_of_vjp;
  }
  return *entry;
}

void rule(RuleContext& c) {
  const std::size_t n = static_cast<std::size_t>(c.size() - kFirst);
  std::vector<Tensor> inputs;
  bool needs[kMaxInputs] = {};
  for (std::size_t i = 0; i < n; ++i) {
    inputs.push_back(c.input(static_cast<int>(i) + kFirst));
    needs[i] = c.needs(static_cast<int>(i) + kFirst);
  }
  const bool differentiates = is_recording();
  Tensor cotangent = c.grad();
  // Every vjp is linear in the cotangent. With a tracked one, a gradient without history shows that elements
  // were read.
  if (differentiates && !cotangent.requires_grad()) {
    cotangent = cotangent.detach();
    cotangent.requires_grad(true);
  }
  std::vector<Tensor> slots(n);
  CustomGrads out(slots, std::span<const bool>(needs, n));
  const Tensor holder = c.input(1);
  (*static_cast<const CustomVjp*>(holder.view().data))(CustomInputs(inputs), cotangent, out);

  const Location where = graph_internal::thread_state.rule_where;
  for (std::size_t i = 0; i < n; ++i) {
    if (!needs[i]) continue;
    Tensor& g = slots[i];
    if (!g.defined()) {
      throw_error<GraphError>(where, c.op().name, "its vjp set no gradient for input {} {}, which needs one",
                              i, describe(inputs[i]));
    }
    if (!same_dims(*g.impl(), *inputs[i].impl()) || g.dtype() != inputs[i].dtype()) {
      throw_error<GraphError>(
          where, c.op().name,
          "its vjp set the gradient {} for input {} {}; shape and dtype must be the input's", describe(g), i,
          describe(inputs[i]));
    }
    if (differentiates && !g.requires_grad()) {
      std::vector<Operand> operands;
      operands.emplace_back(g);
      operands.emplace_back(cotangent);
      for (const Tensor& x : inputs) operands.emplace_back(x);
      g = apply(named_op(c.op().name, n).vjp, operands, nullptr);
    }
    c.set(static_cast<int>(i) + kFirst, g);
  }
}

}  // namespace

const Tensor& CustomInputs::operator[](int i) const {
  if (i < 0 || i >= size()) throw ValueError(fmt::format("custom: input {} of {} was asked for", i, size()));
  return inputs_[static_cast<std::size_t>(i)];
}

Tensor& CustomGrads::operator[](int i) {
  if (i < 0 || i >= size()) {
    throw ValueError(fmt::format("custom: the gradient of input {} of {} was asked for", i, size()));
  }
  return slots_[static_cast<std::size_t>(i)];
}

bool CustomGrads::needs(int i) const { return i >= 0 && i < size() && needs_[static_cast<std::size_t>(i)]; }

Tensor custom(std::string_view name, std::span<const Tensor> inputs, CustomForward forward, CustomVjp vjp,
              Location where) {
  if (name.empty()) throw_error<ValueError>(where, "custom", "an op needs a name");
  if (inputs.size() > kMaxInputs) {
    throw_error<ValueError>(where, name, "{} inputs are more than the {} that custom() takes; use an OpDef",
                            inputs.size(), kMaxInputs);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) throw_error<ValueError>(where, name, "input {} is an empty handle", i);
  }
  if (!vjp) throw_error<ValueError>(where, name, "it has no vjp");
  Tensor value;
  {
    const NoGrad no_recording;
    value = forward(CustomInputs(inputs));
  }
  if (!value.defined()) throw_error<ValueError>(where, name, "its forward gave an empty handle");
  // The result must be nobody else's memory, an input's least of all.
  TensorImpl* t = value.impl();
  if (!t->refs.unique() || !t->storage->refs.unique() || t->tracked()) value = value.clone_detached();

  auto* held = new CustomVjp(std::move(vjp));
  const Tensor holder = from_buffer(
      held, {static_cast<std::int64_t>(sizeof(CustomVjp))}, DType::u8, [held] { delete held; }, where);
  std::vector<Operand> operands;
  operands.emplace_back(value, where);
  operands.emplace_back(holder, where);
  for (const Tensor& x : inputs) operands.emplace_back(x, where);
  return apply(named_op(name, inputs.size()).op, operands, nullptr);
}

}  // namespace gradus
