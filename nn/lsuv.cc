#include "gradus/nn/lsuv.h"

#include <algorithm>
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/eval_mode.h"
#include "gradus/nn/init.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"

namespace gradus::nn::init {
namespace {

// A module's own parameters, not those below it.
class OwnParameters final : public MemberVisitor {
 public:
  void parameter(std::string_view name, Parameter& p) override {
    if (!p.defined()) return;
    if (name == "weight") weight = p.share();
    if (name == "bias") bias = p.share();
  }
  void buffer(std::string_view, Buffer&) override {}
  void module(std::string_view, Module&) override {}

  Tensor weight, bias;
};

struct Candidate {
  std::string name;
  Module* module;
  Tensor weight, bias;
  int hook;
  int order = -1;  // of the first call
  double std = 0;  // of the output in the last call
};

class Hooks {
 public:
  std::vector<Candidate> layers;
  Hooks() = default;
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;
  ~Hooks() {
    for (const Candidate& c : layers) c.module->remove_hook(c.hook);
  }
};

}  // namespace

std::vector<LsuvLayer> lsuv_layers_(Module& model, FunctionRef<void()> run, const LsuvOptions& o,
                                    Location where) {
  constexpr const char* kOp = "lsuv_";
  if (!(o.tolerance > 0))
    throw_error<ValueError>(where, kOp, "the tolerance is {}; it must be > 0", o.tolerance);
  if (o.max_iterations < 1) {
    throw_error<ValueError>(where, kOp, "max_iterations is {}; it must be 1 at least", o.max_iterations);
  }
  const NoGrad unrecorded;
  const EvalMode eval(model);
  Hooks hooks;
  for (const auto& [name, module] : model.named_modules()) {
    OwnParameters own;
    module->visit_members(own);
    if (own.weight.defined() && own.weight.rank() >= 2)
      hooks.layers.push_back({name, module, own.weight, own.bias, 0});
  }
  int calls = 0;
  for (std::size_t i = 0; i < hooks.layers.size(); ++i) {
    hooks.layers[i].hook =
        hooks.layers[i].module->add_forward_hook([&, i](const Module&, const Tensor& x, const Tensor& y) {
          Candidate& c = hooks.layers[i];
          if (!is_floating(x.dtype())) return Tensor();
          if (c.order < 0) c.order = calls++;
          c.std = std::sqrt(var(astype(y, DType::f64), {}, {.correction = 0}).item());
          return Tensor();
        });
  }
  run();
  std::vector<Candidate*> in_order;
  for (Candidate& c : hooks.layers) {
    if (c.order >= 0) in_order.push_back(&c);
  }
  std::sort(in_order.begin(), in_order.end(),
            [](const auto* a, const auto* b) { return a->order < b->order; });

  std::vector<LsuvLayer> report;
  for (Candidate* c : in_order) {
    orthogonal_(c->weight, 1.0, o.generator, where);
    if (c->bias.defined()) zeros_(c->bias, where);
    LsuvLayer line{c->name};
    for (;;) {
      run();
      if (!(c->std > 0) || std::isinf(c->std)) {
        throw_error<ValueError>(where, kOp,
                                "the output of \"{}\" has the standard deviation {}, which no scale makes 1",
                                c->name, c->std);
      }
      if (std::abs(c->std * c->std - 1.0) < o.tolerance || line.iterations == o.max_iterations) break;
      c->weight.copy_(c->weight * (1.0 / c->std), where);
      ++line.iterations;
    }
    line.std = c->std;
    report.push_back(std::move(line));
  }
  return report;
}

}  // namespace gradus::nn::init
