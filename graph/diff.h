// What differs between two snapshots, op by op: for a model before and after a change.
#pragma once

#include <string>
#include <vector>

#include "gradus/graph/snapshot.h"

namespace gradus {

struct GraphDiff {
  struct Pair {
    int a = -1;
    int b = -1;
  };
  std::vector<int> removed;    // nodes of a
  std::vector<int> added;      // nodes of b
  std::vector<Pair> reshaped;  // another shape or dtype of an output
  std::vector<Pair> changed;   // other attributes
  std::vector<Pair> slower;    // measured in both; by more than `slower_than`
  std::vector<Pair> faster;
  bool same() const { return removed.empty() && added.empty() && reshaped.empty() && changed.empty(); }
};

struct DiffOptions {
  double slower_than = 1.2;  // forward and backward time of b over that of a
};

// Ops are paired in order, inside of their modules: the longest common sequence of op names. Leaves pair by
// name.
GraphDiff diff(const GraphSnapshot& a, const GraphSnapshot& b, const DiffOptions& options = {});

// One line a difference, then the totals.
std::string to_string(const GraphDiff& d, const GraphSnapshot& a, const GraphSnapshot& b);

}  // namespace gradus
