// write_graph(): a picture of what a tensor was computed from, as a file. Layout and drawing are Graphviz's,
// in this process, one at a time.
#pragma once

#include <cstdint>
#include <string>

#include "gradus/graph/tensor.h"

namespace gradus {

struct WriteGraphOptions {
  std::string title = {};
  // Above this many nodes a picture is refused: its layout would take minutes and nobody could read it.
  std::int64_t max_nodes = 2000;
};

// The ending of `path` says what is written: .dot (text, any size), .svg or .png. The file appears whole or
// not at all. Errors: ValueError for another ending, a graph that is too large to draw, or a file that cannot
// be written.
void write_graph(const Tensor& root, const std::string& path, const WriteGraphOptions& options = {},
                 Location where = Location::current());

}  // namespace gradus
