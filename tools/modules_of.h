// Which module each op of a recorded graph belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "gradus/graph/snapshot.h"

namespace gradus::tools {

class ModulesOf {
 public:
  explicit ModulesOf(const Tensor& root) {
    for (const GraphSnapshot::Node& n : snapshot(root).nodes) {
      if (n.sequence != 0) modules_.emplace(n.sequence, n.module);
    }
  }
  // By the node's number; "" for none.
  std::string of(std::uint64_t sequence) const {
    const auto it = modules_.find(sequence);
    return it != modules_.end() ? it->second : "";
  }

 private:
  std::unordered_map<std::uint64_t, std::string> modules_;
};

}  // namespace gradus::tools
