// A snapshot of a graph as text in Graphviz's DOT language (https://graphviz.org/doc/info/lang.html). Data
// flows from top to bottom; parameters, inputs, operations and the result have colours and shapes of their
// own. The text needs no Graphviz to be made.
#pragma once

#include <string>

#include "gradus/graph/snapshot.h"

namespace gradus {

struct DotOptions {
  std::string title = {};
  bool legend = true;
};

std::string to_dot(const GraphSnapshot& graph, const DotOptions& options = {});

}  // namespace gradus
