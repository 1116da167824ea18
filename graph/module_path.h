// Which module of a model an op belongs to: "encoder.layers.3.self_attn". Modules are plain structs that know
// nothing of the graph, so a snapshot infers it from the names of parameters
// (docs/decisions/006-modules-of-a-graph.md); ModuleScope says it where there are none.
#pragma once

#include <span>
#include <string_view>

#include "gradus/graph/observer.h"

namespace gradus {

// { gd::ModuleScope scope("encoder"); ... }  what this thread records inside belongs to "encoder", below the
// module of a scope around it. The name may be a path. Errors: ValueError for an empty name.
class [[nodiscard]] ModuleScope : Observer {
 public:
  explicit ModuleScope(std::string_view name, Location where = Location::current());
  ~ModuleScope() override;

 private:
  void after_op(const ObservedOp& call, std::span<const Tensor> outs) override;
  const char* before_;
  const char* path_;
};

struct GraphSnapshot;

// Gives a module to each op that has none: the one that owns the parameters which the op reads; an op without
// parameters belongs to what lies around it.
void infer_modules(GraphSnapshot& graph);

}  // namespace gradus
