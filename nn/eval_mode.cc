#include "gradus/nn/eval_mode.h"

namespace gradus::nn {

EvalMode::EvalMode(Module& m) {
  for (const auto& [name, module] : m.named_modules()) before_.emplace_back(module, module->training());
  m.eval();
}

// train() reaches all below a module, which are put right after it.
EvalMode::~EvalMode() {
  for (const auto& [module, on] : before_) module->train(on);
}

}  // namespace gradus::nn
