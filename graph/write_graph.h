// write_graph(): a picture of what a tensor was computed from, as a file. Layout and drawing are Graphviz's,
// in this process, one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gradus/graph/dot.h"
#include "gradus/graph/snapshot.h"
#include "gradus/graph/tensor.h"

namespace gradus {

// The ending of `path` says what is written: .svg, .png or .pdf; .dot for Graphviz, .html for a page to look
// around in, .json for the snapshot itself. Where the options leave it open, a picture is folded until an A4
// page holds it; one that is asked for in full but that no layout could draw within seconds is folded too.
// The file appears whole or not at all. Errors: ValueError for another ending or a file that cannot be
// written; those of snapshot().
void write_graph(const Tensor& root, const std::string& path, const DotOptions& options = {},
                 Location where = Location::current());
void write_graph(const GraphSnapshot& graph, const std::string& path, const DotOptions& options = {},
                 Location where = Location::current());

// The same as text or bytes: `format` is "svg", "png", "pdf", "dot", "html" or "json".
std::string render_graph(const GraphSnapshot& graph, std::string_view format, const DotOptions& options = {},
                         Location where = Location::current());

}  // namespace gradus
