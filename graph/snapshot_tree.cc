// A snapshot as a tree in the terminal.
#include <string>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/snapshot.h"

namespace gradus {
namespace {

using Snap = GraphSnapshot;

void add_value(std::string& out, const Snap::Value& v) {
  out += format_shape({v.shape.data(), static_cast<std::size_t>(v.shape.size())});
  out += ' ';
  out += name(v.dtype);
  if (!v.name.empty()) out += fmt::format(" \"{}\"", v.name);
}

std::string line(const Snap::Node& n) {
  static constexpr const char* kLeaves[] = {"parameter", "input", "constant"};
  std::string out;
  if (n.is_leaf()) {
    out = kLeaves[static_cast<int>(n.kind) - static_cast<int>(Snap::Kind::kParameter)];
  } else {
    out = n.op;
    if (!n.attributes.empty()) out += fmt::format("({})", attributes_text(n));
  }
  for (std::size_t i = 0; i < n.outputs.size(); ++i) {
    out += i == 0 ? " " : ", ";
    add_value(out, n.outputs[i]);
  }
  if (!n.module.empty()) out += fmt::format("  in {}", n.module);
  if (!n.where.empty()) out += fmt::format("  at {}", n.where);
  if (n.released) out += "  released";
  return out;
}

}  // namespace

std::string to_string(const GraphSnapshot& graph) {
  std::vector<bool> read(graph.nodes.size(), false), shown(graph.nodes.size(), false);
  for (const Snap::Node& n : graph.nodes) {
    for (const Snap::Input& in : n.inputs) {
      if (in.node >= 0) read[static_cast<std::size_t>(in.node)] = true;
    }
  }
  struct Open {
    int node;
    std::size_t next;
    std::string indent;  // of its inputs
  };
  std::string out;
  std::vector<Open> open;  // no recursion: graphs are deep
  const auto show = [&](int id, const std::string& lead, const std::string& indent) {
    const auto i = static_cast<std::size_t>(id);
    const Snap::Node& n = graph.nodes[i];
    out += lead;
    if (shown[i] && !n.is_leaf()) {
      out += fmt::format("^{} {}\n", id, n.op);
      return;
    }
    shown[i] = true;
    out += n.is_leaf() ? line(n) : fmt::format("{}: {}", id, line(n));
    out += '\n';
    if (!n.inputs.empty()) open.push_back({id, 0, indent});
  };
  for (std::size_t r = graph.nodes.size(); r-- > 0;) {
    if (!graph.nodes[r].is_root && read[r]) continue;
    if (shown[r]) continue;
    show(static_cast<int>(r), "", "");
    while (!open.empty()) {
      const Snap::Node& n = graph.nodes[static_cast<std::size_t>(open.back().node)];
      const std::size_t k = open.back().next;
      if (k == n.inputs.size()) {
        open.pop_back();
        continue;
      }
      ++open.back().next;
      const bool last = k + 1 == n.inputs.size();
      // A long chain goes straight down.
      const std::string indent = open.back().indent;
      const std::string deeper = n.inputs.size() == 1 ? indent : indent + (last ? "   " : "\u2502  ");
      const std::string lead = indent + (n.inputs.size() == 1 ? ""
                                         : last               ? "\u2514\u2500 "
                                                              : "\u251C\u2500 ");
      if (n.inputs[k].node < 0) {
        out += lead + "(not kept)\n";
      } else {
        show(n.inputs[k].node, lead, deeper);
      }
    }
  }
  return out;
}

}  // namespace gradus
