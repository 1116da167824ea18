#include "gradus/graph/part.h"

#include <algorithm>
#include <charconv>
#include <regex>

#include "gradus/base/format.h"

namespace gradus {
namespace {

using Snap = GraphSnapshot;

// Behind many ops that are left out lie many others; more arrows than this say nothing.
constexpr std::size_t kMostSources = 8;

bool lies_in(std::string_view path, std::string_view module) {
  return path.starts_with(module) && (path.size() == module.size() || path[module.size()] == '.');
}

void add_source(std::vector<Snap::Input>& to, const Snap::Input& in) {
  const bool known = std::any_of(
      to.begin(), to.end(), [&](const Snap::Input& k) { return k.node == in.node && k.output == in.output; });
  if (!known && to.size() < kMostSources) to.push_back(in);
}

}  // namespace

std::vector<int> find_nodes(const GraphSnapshot& graph, std::string_view name) {
  std::vector<int> found;
  if (name.starts_with('#')) {
    std::size_t n = 0;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), n);
    if (error == std::errc() && end == name.data() + name.size() && n < graph.nodes.size())
      found.push_back(static_cast<int>(n));
    return found;
  }
  if (name.empty()) return found;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Snap::Node& n = graph.nodes[i];
    const bool named =
        std::any_of(n.outputs.begin(), n.outputs.end(), [&](const Snap::Value& v) { return v.name == name; });
    if (named || n.op == name || lies_in(n.module, name)) found.push_back(static_cast<int>(i));
  }
  return found;
}

std::vector<std::string> node_names(const GraphSnapshot& graph) {
  std::vector<std::string> names;
  for (const Snap::Node& n : graph.nodes) {
    for (const Snap::Value& v : n.outputs) {
      if (!v.name.empty()) names.push_back(v.name);
    }
    if (!n.op.empty()) names.push_back(n.op);
    for (std::size_t end = n.module.size(); end != std::string::npos && end > 0;
         end = n.module.rfind('.', end - 1)) {
      names.push_back(n.module.substr(0, end));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

NodeMask around(const GraphSnapshot& graph, const std::vector<int>& nodes, int radius) {
  NodeMask keep(graph.nodes.size(), false);
  for (const int n : nodes) keep[static_cast<std::size_t>(n)] = true;
  for (int step = 0; step < radius; ++step) {
    NodeMask next = keep;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const Snap::Input& in : graph.nodes[i].inputs) {
        if (in.node < 0) continue;
        const auto from = static_cast<std::size_t>(in.node);
        if (keep[i]) next[from] = true;
        if (keep[from]) next[i] = true;
      }
    }
    if (next == keep) break;
    keep = std::move(next);
  }
  return keep;
}

NodeMask reaching(const GraphSnapshot& graph, const std::vector<int>& nodes) {
  NodeMask down(graph.nodes.size(), false);  // depends on one of them
  for (const int n : nodes) down[static_cast<std::size_t>(n)] = true;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const Snap::Input& in : graph.nodes[i].inputs) {
      if (in.node >= 0 && down[static_cast<std::size_t>(in.node)]) down[i] = true;
    }
  }
  return down;
}

NodeMask matching(const GraphSnapshot& graph, const std::string& regex, Location where) {
  std::regex expression;
  try {
    expression.assign(regex, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& e) {
    throw_error<ValueError>(where, "matching", "\"{}\" is no regular expression: {}", regex, e.what());
  }
  const auto matches = [&](const std::string& s) { return !s.empty() && std::regex_search(s, expression); };
  NodeMask keep(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Snap::Node& n = graph.nodes[i];
    keep[i] = matches(n.op) || matches(n.module) ||
              std::any_of(n.outputs.begin(), n.outputs.end(),
                          [&](const Snap::Value& v) { return matches(v.name); });
  }
  return keep;
}

GraphSnapshot part(const GraphSnapshot& graph, const NodeMask& keep) {
  GraphSnapshot out;
  out.title = graph.title;
  std::vector<int> place(graph.nodes.size(), -1);
  // Of nodes that are left out: the kept ones that they come from.
  std::vector<std::vector<Snap::Input>> sources(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Snap::Node& n = graph.nodes[i];
    if (!keep[i]) {
      for (const Snap::Input& in : n.inputs) {
        if (in.node < 0) continue;
        const auto from = static_cast<std::size_t>(in.node);
        if (keep[from]) {
          add_source(sources[i], {place[from], in.output, true});
        } else {
          for (const Snap::Input& s : sources[from]) add_source(sources[i], s);
        }
      }
      continue;
    }
    Snap::Node copy = n;
    std::vector<Snap::Input> further;
    for (Snap::Input& in : copy.inputs) {
      if (in.node < 0) continue;
      const auto from = static_cast<std::size_t>(in.node);
      if (keep[from]) {
        in.node = place[from];
        continue;
      }
      in = {};
      for (const Snap::Input& s : sources[from]) {
        if (in.node < 0) {
          in = s;
        } else {
          add_source(further, s);
        }
      }
    }
    copy.inputs.insert(copy.inputs.end(), further.begin(), further.end());
    out.saved_bytes += copy.saved_bytes;
    place[i] = static_cast<int>(out.nodes.size());
    out.nodes.push_back(std::move(copy));
  }
  return out;
}

}  // namespace gradus
