#include "gradus/graph/picture.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "gradus/graph/picture_drawer.h"

namespace gradus {
namespace {

using picture_internal::Drawer;
using picture_internal::Plan;
using picture_internal::Tree;

int depth_of(const Tree& tree) {
  int deepest = 0;
  std::vector<int> depth(tree.items.size(), 0);
  for (std::size_t i = 1; i < tree.items.size(); ++i) {
    const int parent = tree.items[i].parent;
    depth[i] = depth[static_cast<std::size_t>(parent)] + (tree.items[i].is_module() ? 1 : 0);
    deepest = std::max(deepest, depth[i]);
  }
  return deepest;
}

// With both passes in it, each is a module of its own.
std::optional<GraphSnapshot> with_passes(const GraphSnapshot& graph) {
  bool has[2] = {false, false};
  for (const GraphSnapshot::Node& n : graph.nodes) {
    if (!n.is_leaf()) has[n.pass == GraphSnapshot::Pass::kBackward ? 1 : 0] = true;
  }
  if (!has[0] || !has[1]) return std::nullopt;
  std::optional<GraphSnapshot> copy = graph;
  for (GraphSnapshot::Node& n : copy->nodes) {
    if (n.is_leaf()) continue;
    const char* pass = n.pass == GraphSnapshot::Pass::kBackward ? "backward" : "forward";
    n.module = n.module.empty() ? pass : std::string(pass) + "." + n.module;
  }
  return copy;
}

class Trees {
 public:
  explicit Trees(const GraphSnapshot& g) : g_(g) {}
  const Tree& of(const Plan& plan) {
    std::optional<Tree>& t = trees_[(plan.views ? 1U : 0U) + (plan.fold ? 2U : 0U)];
    if (!t.has_value()) t.emplace(g_, plan.views, plan.fold);
    return *t;
  }

 private:
  const GraphSnapshot& g_;
  std::array<std::optional<Tree>, 4> trees_;
};

GraphPicture fit(const GraphSnapshot& graph, const PictureOptions& options) {
  const bool fits_depth = options.depth == PictureOptions::kFit;
  Trees trees(graph);
  const auto plan = [&](bool views, bool fold, ParameterStyle parameters, int depth, int parts) {
    Plan p;
    p.views = options.views == Choice::kAuto ? views : options.views == Choice::kYes;
    p.fold = options.fold == Choice::kAuto ? fold : options.fold == Choice::kYes;
    p.parameters = options.parameters == ParameterStyle::kAuto ? parameters : options.parameters;
    p.depth = fits_depth ? depth : options.depth;
    p.parts = parts;
    return p;
  };
  constexpr int kAll = PictureOptions::kAll;
  // From everything to less and less; what the caller chose stays.
  std::vector<Plan> plans = {plan(true, false, ParameterStyle::kBoxes, kAll, 0)};
  if (options.depth != kAll) {
    plans.push_back(plan(true, false, ParameterStyle::kLines, kAll, 0));
    plans.push_back(plan(false, false, ParameterStyle::kLines, kAll, 0));
    const Plan folded = plan(false, true, ParameterStyle::kLines, 0, 0);
    for (int d = depth_of(trees.of(folded)); d >= 0; --d)
      plans.push_back(plan(false, true, ParameterStyle::kLines, d, 0));
    if (fits_depth) {
      plans.push_back(plan(false, true, ParameterStyle::kLines, 0, std::max(1, options.max_boxes / 2)));
    }
  }
  for (std::size_t i = 0; i + 1 < plans.size(); ++i) {
    Drawer drawer(graph, trees.of(plans[i]), plans[i]);
    if (drawer.count_boxes() <= options.max_boxes) return drawer.draw();
  }
  return Drawer(graph, trees.of(plans.back()), plans.back()).draw();
}

}  // namespace

GraphPicture make_picture(const GraphSnapshot& graph, const PictureOptions& options) {
  const std::optional<GraphSnapshot> passes = with_passes(graph);
  return fit(passes.has_value() ? *passes : graph, options);
}

}  // namespace gradus
