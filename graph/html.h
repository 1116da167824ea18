// A snapshot of a graph as one page of HTML that needs nothing else: no network, no files beside it. It shows
// modules that open and close, finds ops, colours them by time, memory, gradient and dtype, and follows the
// gradient from the result to a parameter. See docs/decisions/007-a-page-of-its-own.md.
#pragma once

#include <string>

#include "gradus/graph/snapshot.h"

namespace gradus {

// Of any size; 20,000 nodes open in a second. The heading is the snapshot's title.
std::string to_html(const GraphSnapshot& graph);

}  // namespace gradus
