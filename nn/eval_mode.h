// EvalMode: puts a module and all below it into eval mode for the guard's lifetime, and then each back to
// what it was: { nn::EvalMode guard(model); ... }
#pragma once

#include <utility>
#include <vector>

#include "gradus/nn/module.h"

namespace gradus::nn {

class [[nodiscard]] EvalMode {
 public:
  explicit EvalMode(Module& m);
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> before_;  // a module before those below it
};

}  // namespace gradus::nn
