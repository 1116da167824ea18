// Which module of a model an op belongs to: "encoder.layers.3.self_attn". Modules are plain structs that know
// nothing of the graph, so a snapshot infers it from the names of parameters
// (docs/decisions/006-modules-of-a-graph.md); ModuleScope says it where there are none.
#pragma once

#include <string_view>

#include "gradus/base/location.h"

namespace gradus {

// { gd::ModuleScope scope("encoder"); ... }  what this thread records inside belongs to "encoder", below the
// module of a scope around it. The name may be a path. Errors: ValueError for an empty name.
class [[nodiscard]] ModuleScope {
 public:
  explicit ModuleScope(std::string_view name, Location where = Location::current());
  ~ModuleScope();
  ModuleScope(const ModuleScope&) = delete;
  ModuleScope& operator=(const ModuleScope&) = delete;

 private:
  const char* before_;
};

struct GraphSnapshot;

// Gives a module to each op that has none: the one that owns the parameters which the op reads; an op without
// parameters belongs to what lies around it.
void infer_modules(GraphSnapshot& graph);

namespace graph_internal {
// The path of the thread's innermost scope, of the life of the program; nullptr: none.
extern thread_local constinit const char* module_scope;
}  // namespace graph_internal

}  // namespace gradus
