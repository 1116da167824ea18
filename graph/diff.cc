#include "gradus/graph/diff.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "gradus/base/format.h"

namespace gradus {
namespace {

using Snap = GraphSnapshot;
using Ids = std::vector<int>;

const Snap::Node& at(const Snap& g, int i) { return g.nodes[static_cast<std::size_t>(i)]; }

std::string_view word_of(const Snap::Node& n) { return n.is_leaf() ? n.name() : n.op; }

// Longest common sequence of two lists of ops; above this many pairs of ops they pair from the front.
constexpr std::size_t kMostPairs = 25'000'000;

std::vector<GraphDiff::Pair> align(const Snap& a, const Snap& b, const Ids& x, const Ids& y) {
  const auto equal = [&](std::size_t i, std::size_t j) {
    return word_of(at(a, x[i])) == word_of(at(b, y[j]));
  };
  std::vector<GraphDiff::Pair> pairs;
  std::size_t begin = 0;
  while (begin < x.size() && begin < y.size() && equal(begin, begin)) {
    pairs.push_back({x[begin], y[begin]});
    ++begin;
  }
  std::size_t end = 0;
  while (end < x.size() - begin && end < y.size() - begin && equal(x.size() - 1 - end, y.size() - 1 - end)) {
    pairs.push_back({x[x.size() - 1 - end], y[y.size() - 1 - end]});
    ++end;
  }
  const std::size_t n = x.size() - begin - end, m = y.size() - begin - end;
  if (n == 0 || m == 0) return pairs;
  if (n * m > kMostPairs) return pairs;
  std::vector<std::uint32_t> length((n + 1) * (m + 1), 0);
  const auto cell = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return length[i * (m + 1) + j]; };
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = m; j-- > 0;) {
      cell(i, j) =
          equal(begin + i, begin + j) ? 1 + cell(i + 1, j + 1) : std::max(cell(i + 1, j), cell(i, j + 1));
    }
  }
  for (std::size_t i = 0, j = 0; i < n && j < m;) {
    if (equal(begin + i, begin + j)) {
      pairs.push_back({x[begin + i++], y[begin + j++]});
    } else if (cell(i + 1, j) >= cell(i, j + 1)) {
      ++i;
    } else {
      ++j;
    }
  }
  return pairs;
}

// Leaves stand under their names, ops in their modules.
std::map<std::string, Ids> groups_of(const Snap& g) {
  std::map<std::string, Ids> groups;
  for (int i = 0; i < static_cast<int>(g.nodes.size()); ++i) {
    const Snap::Node& n = at(g, i);
    if (n.kind == Snap::Kind::kConstant) continue;
    groups[n.is_leaf() ? "leaf " + n.name() : fmt::format("op {} {}", static_cast<int>(n.pass), n.module)]
        .push_back(i);
  }
  return groups;
}

bool same_shapes(const Snap::Node& a, const Snap::Node& b) {
  return a.outputs.size() == b.outputs.size() &&
         std::equal(a.outputs.begin(), a.outputs.end(), b.outputs.begin(),
                    [](const auto& x, const auto& y) { return x.shape == y.shape && x.dtype == y.dtype; });
}

// Without the numbers that a random op drew.
bool same_attributes(const Snap::Node& a, const Snap::Node& b) {
  return a.attributes.size() == b.attributes.size() &&
         std::equal(a.attributes.begin(), a.attributes.end(), b.attributes.begin(),
                    [](const Snap::Attribute& x, const Snap::Attribute& y) {
                      return x.name == y.name &&
                             (x.text == y.text || x.name == "seed" || x.name == "counter");
                    });
}

std::int64_t time_of(const Snap::Node& n) { return n.forward_ns.value_or(0) + n.backward_ns.value_or(0); }
bool is_timed(const Snap::Node& n) { return n.forward_ns.has_value() || n.backward_ns.has_value(); }

std::string described(const Snap& g, int i) {
  const Snap::Node& n = at(g, i);
  std::string out = n.is_leaf() ? (n.kind == Snap::Kind::kParameter ? "parameter" : "input") : n.op;
  if (!n.name().empty()) out += fmt::format(" \"{}\"", n.name());
  if (!n.module.empty()) out += fmt::format(" in {}", n.module);
  return out;
}

std::string shapes(const Snap::Node& n) {
  std::string out;
  for (const Snap::Value& v : n.outputs) {
    if (!out.empty()) out += ", ";
    out += format_shape({v.shape.data(), static_cast<std::size_t>(v.shape.size())});
    out += fmt::format(" {}", name(v.dtype));
  }
  return out;
}

struct Totals {
  std::int64_t ops = 0, parameters = 0, ns = 0;
  double flops = 0;
};
Totals totals(const Snap& g) {
  Totals t;
  for (const Snap::Node& n : g.nodes) {
    if (!n.is_leaf()) ++t.ops;
    if (n.kind == Snap::Kind::kParameter) t.parameters += n.outputs[0].shape.numel();
    t.flops += n.flops;
    t.ns += time_of(n);
  }
  return t;
}

}  // namespace

GraphDiff diff(const GraphSnapshot& a, const GraphSnapshot& b, const DiffOptions& options) {
  GraphDiff d;
  const std::map<std::string, Ids> in_a = groups_of(a);
  const std::map<std::string, Ids> in_b = groups_of(b);
  std::vector<bool> paired_a(a.nodes.size(), false), paired_b(b.nodes.size(), false);
  for (const auto& [key, x] : in_a) {
    const auto other = in_b.find(key);
    if (other == in_b.end()) continue;
    for (const GraphDiff::Pair& p : align(a, b, x, other->second)) {
      paired_a[static_cast<std::size_t>(p.a)] = paired_b[static_cast<std::size_t>(p.b)] = true;
      const Snap::Node& m = at(a, p.a);
      const Snap::Node& n = at(b, p.b);
      if (!same_shapes(m, n)) d.reshaped.push_back(p);
      if (!same_attributes(m, n)) d.changed.push_back(p);
      if (!is_timed(m) || !is_timed(n)) continue;
      const auto before = static_cast<double>(time_of(m)), now = static_cast<double>(time_of(n));
      if (now > before * options.slower_than) d.slower.push_back(p);
      if (before > now * options.slower_than) d.faster.push_back(p);
    }
  }
  const auto collect = [](const Snap& g, const std::vector<bool>& paired, Ids& to) {
    for (int i = 0; i < static_cast<int>(g.nodes.size()); ++i) {
      if (!paired[static_cast<std::size_t>(i)] && at(g, i).kind != Snap::Kind::kConstant) to.push_back(i);
    }
  };
  collect(a, paired_a, d.removed);
  collect(b, paired_b, d.added);
  for (auto* pairs : {&d.reshaped, &d.changed, &d.slower, &d.faster}) {
    std::sort(pairs->begin(), pairs->end(), [](const auto& x, const auto& y) { return x.a < y.a; });
  }
  return d;
}

std::string to_string(const GraphDiff& d, const GraphSnapshot& a, const GraphSnapshot& b) {
  std::string out;
  for (const int i : d.removed) out += fmt::format("removed   {} {}\n", described(a, i), shapes(at(a, i)));
  for (const int i : d.added) out += fmt::format("added     {} {}\n", described(b, i), shapes(at(b, i)));
  for (const auto& p : d.reshaped) {
    out += fmt::format("reshaped  {}: {} -> {}\n", described(b, p.b), shapes(at(a, p.a)), shapes(at(b, p.b)));
  }
  for (const auto& p : d.changed) {
    out += fmt::format("changed   {}: {} -> {}\n", described(b, p.b), attributes_text(at(a, p.a)),
                       attributes_text(at(b, p.b)));
  }
  const auto times = [&](const char* word, const std::vector<GraphDiff::Pair>& pairs) {
    for (const auto& p : pairs) {
      out += fmt::format("{:<9} {}: {:.3g} ms -> {:.3g} ms\n", word, described(b, p.b),
                         static_cast<double>(time_of(at(a, p.a))) / 1e6,
                         static_cast<double>(time_of(at(b, p.b))) / 1e6);
    }
  };
  times("slower", d.slower);
  times("faster", d.faster);
  const Totals x = totals(a), y = totals(b);
  out +=
      fmt::format("operations {} -> {}, parameters {} -> {}, FLOPs {:.4g} -> {:.4g}, kept bytes {} -> {}",
                  x.ops, y.ops, x.parameters, y.parameters, x.flops, y.flops, a.saved_bytes, b.saved_bytes);
  if (x.ns > 0 && y.ns > 0) {
    out += fmt::format(", time {:.3g} ms -> {:.3g} ms", static_cast<double>(x.ns) / 1e6,
                       static_cast<double>(y.ns) / 1e6);
  }
  return out + "\n";
}

}  // namespace gradus
