// Parts of a snapshot: what a person asks for when the whole is too much. Each function gives a mask over the
// nodes; part() makes a snapshot of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/snapshot.h"

namespace gradus {

using NodeMask = std::vector<bool>;

// The nodes of a name: that of a tensor, of an op, of a module (all that is in it), or "#12", the place of a
// node. Empty where nothing has it.
std::vector<int> find_nodes(const GraphSnapshot& graph, std::string_view name);
// All that find_nodes() takes but numbers, sorted, each once.
std::vector<std::string> node_names(const GraphSnapshot& graph);

// Nodes at most `radius` arrows away from these, in either direction.
NodeMask around(const GraphSnapshot& graph, const std::vector<int>& nodes, int radius);
// What lies between these and the roots: the way of their gradients.
NodeMask reaching(const GraphSnapshot& graph, const std::vector<int>& nodes);
// Nodes with a name, an op or a module in which the regular expression (ECMAScript) is found. Errors:
// ValueError for an expression that is none.
NodeMask matching(const GraphSnapshot& graph, const std::string& regex, Location where = Location::current());

// The nodes of the mask. Where ops between two of them are left out, the input is marked as indirect.
GraphSnapshot part(const GraphSnapshot& graph, const NodeMask& keep);

}  // namespace gradus
