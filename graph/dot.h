// A snapshot of a graph as text in Graphviz's DOT language (https://graphviz.org/doc/info/lang.html). What
// does not fit a page is folded (graph/picture.h). Data flows from top to bottom; parameters, inputs,
// operations, modules and the result have colours and shapes of their own. The text needs no Graphviz to be
// made.
#pragma once

#include <string>

#include "gradus/graph/picture.h"
#include "gradus/graph/snapshot.h"

namespace gradus {

struct DotOptions {
  std::string title = {};  // "": the snapshot's
  bool legend = true;
  bool left_to_right = false;  // in place of top to bottom
  bool call_sites = false;     // in the boxes, not only in their tooltips
  PictureOptions picture = {};
};

std::string to_dot(const GraphSnapshot& graph, const DotOptions& options = {});
// Of a picture that was made of this snapshot.
std::string to_dot(const GraphSnapshot& graph, const GraphPicture& picture, const DotOptions& options);

}  // namespace gradus
