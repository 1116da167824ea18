// Note [Folding]
// Ops form a tree of modules. Inside a module its items (ops and modules below) stand in the order in which
// they ran. Each item has a signature: what it computes, and how far back in that order the items lie that it
// reads. A stretch of items whose signatures repeat is drawn once: blocks of a deep model and the steps of an
// unrolled recurrence are the same thing. A module that runs several times with other ops in between is
// several items, as one box would be before and after what lies between.
#include "gradus/graph/picture_tree.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace gradus::picture_internal {
namespace {

std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
  h ^= x + 0x9E3779B97F4A7C15ULL + (h << 6) + (h >> 2);
  return h * 0xBF58476D1CE4E5B9ULL;
}

std::uint64_t hash_of(std::string_view s) {
  std::uint64_t h = 0xCBF29CE484222325ULL;
  for (const char c : s) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return h;
}

std::uint64_t hash_of(const Snap::Value& v) {
  std::uint64_t h = static_cast<std::uint64_t>(v.dtype);
  for (const std::int64_t d : v.shape) h = mix(h, static_cast<std::uint64_t>(d));
  return h;
}

bool is_number(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The path up to the end of the component that begins at `at`. A number belongs to the name before it:
// "layers.3".
std::size_t component_end(std::string_view path, std::size_t at) {
  std::size_t end = std::min(path.find('.', at), path.size());
  while (end < path.size()) {
    const std::size_t next = std::min(path.find('.', end + 1), path.size());
    if (!is_number(path.substr(end + 1, next - end - 1))) break;
    end = next;
  }
  return end;
}

}  // namespace

std::string_view without_digits(std::string_view s) {
  while (!s.empty() && s.back() >= '0' && s.back() <= '9') s.remove_suffix(1);
  return s;
}

Tree::Tree(const Snap& g, bool views, bool fold) : g_(g), alias_(g.nodes.size()), rep_(g.nodes.size()) {
  std::iota(rep_.begin(), rep_.end(), 0);
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    const Snap::Node& n = g.nodes[i];
    alias_[i] = {static_cast<int>(i), 0};
    if (!views && n.kind == Snap::Kind::kView && n.name().empty() && !n.is_root && n.inputs.size() == 1 &&
        n.inputs[0].node >= 0) {
      alias_[i] = resolved(n.inputs[0]);
    }
  }
  std::vector<int> ops;
  for (int i = 0; i < static_cast<int>(g.nodes.size()); ++i) {
    if (!at(i).is_leaf() && !hidden(i)) ops.push_back(i);
  }
  place_.assign(g.nodes.size(), 0);
  stamp_.assign(g.nodes.size(), 0);
  item_of_.assign(g.nodes.size(), kNone);
  const int root = new_item();
  items[static_cast<std::size_t>(root)].operations = static_cast<int>(ops.size());
  grow(root, ops, 0);
  if (fold) {
    hash(root);
    find_runs(root);
  }
}

bool Tree::between_copies(int a, int b) const {
  if (runs.empty()) return false;
  for (int i = item_of_[static_cast<std::size_t>(a)]; i != kNone; i = item(i).parent) {
    if (item(i).run == kNone) continue;
    for (int j = item_of_[static_cast<std::size_t>(b)]; j != kNone; j = item(j).parent) {
      if (item(j).run == item(i).run && item(j).copy != item(i).copy) return true;
    }
  }
  return false;
}

void Tree::grow(int self, const std::vector<int>& ops, std::size_t taken) {
  std::unordered_map<std::string_view, std::size_t> groups;
  std::vector<std::pair<std::string_view, std::vector<int>>> below;
  for (const int n : ops) {
    const std::string_view path = at(n).module;
    if (path.size() <= taken) {
      const int i = new_item();
      items.back().node = n;
      items.back().first = n;
      items.back().parent = self;
      items.back().operations = 1;
      item_of_[static_cast<std::size_t>(n)] = i;
      items[static_cast<std::size_t>(self)].items.push_back(i);
      continue;
    }
    const std::string_view name = path.substr(0, component_end(path, taken == 0 ? 0 : taken + 1));
    const auto [it, is_new] = groups.emplace(name, below.size());
    if (is_new) below.emplace_back(name, std::vector<int>());
    below[it->second].second.push_back(n);
  }
  for (const auto& [path, members] : below) {
    for (const std::vector<int>& part : convex_parts(members)) {
      const int i = new_item();
      Item& item = items.back();
      item.parent = self;
      item.path = path;
      item.name_at = taken == 0 ? 0 : taken + 1;
      item.first = part.front();
      item.operations = static_cast<int>(part.size());
      items[static_cast<std::size_t>(self)].items.push_back(i);
      grow(i, part, path.size());
    }
  }
  std::vector<int>& mine = items[static_cast<std::size_t>(self)].items;
  std::sort(mine.begin(), mine.end(), [&](int a, int b) { return item(a).first < item(b).first; });
}

std::vector<std::vector<int>> Tree::convex_parts(const std::vector<int>& members) {
  std::vector<std::vector<int>> parts;
  const int first = members.front();
  const int last = members.back();
  if (last - first + 1 == static_cast<int>(members.size())) return {members};
  // Stamps: this part, ops that read it from outside, earlier parts.
  stamp_now_ += 3;
  const std::uint64_t inside = stamp_now_, tainted = stamp_now_ + 1, member = stamp_now_ + 2;
  for (const int n : members) stamp_[static_cast<std::size_t>(n)] = member;
  std::uint64_t part_tag = inside, taint_tag = tainted;
  parts.emplace_back();
  for (int i = first; i <= last; ++i) {
    const Snap::Node& n = at(i);
    if (n.is_leaf()) continue;
    std::uint64_t& mine = stamp_[static_cast<std::size_t>(i)];
    bool reads_part = false;
    bool reads_taint = false;
    for (const Snap::Input& in : n.inputs) {
      if (in.node < first) continue;
      const std::uint64_t s = stamp_[static_cast<std::size_t>(in.node)];
      reads_part |= s == part_tag;
      reads_taint |= s == taint_tag;
    }
    if (mine != member) {
      // A hidden view is no op between.
      if (hidden(i) && reads_part && !reads_taint) {
        mine = part_tag;
      } else if (reads_part || reads_taint) {
        mine = taint_tag;
      }
      continue;
    }
    if (reads_taint) {
      parts.emplace_back();
      stamp_now_ += 3;
      part_tag = stamp_now_ + 1;
      taint_tag = stamp_now_ + 2;
    }
    mine = part_tag;
    parts.back().push_back(i);
  }
  return parts;
}

std::uint64_t Tree::hash_op(const Snap::Node& n) const {
  std::uint64_t h = mix(hash_of(n.op), static_cast<std::uint64_t>(n.pass));
  for (const Snap::Value& v : n.outputs) h = mix(h, hash_of(v));
  // Steps of a loop look at different places and draw different numbers.
  if (n.kind != Snap::Kind::kView) {
    for (const Snap::Attribute& a : n.attributes) {
      if (a.name != "seed" && a.name != "counter") h = mix(h, hash_of(a.text));
    }
  }
  for (const Snap::Input& in : n.inputs) {
    if (in.node < 0) continue;
    const Snap::Node& from = at(resolved(in).node);
    if (from.kind == Snap::Kind::kParameter) h = mix(h, hash_of(from.outputs[0]));
  }
  return h;
}

void Tree::hash(int self) {
  const std::vector<int> mine = items[static_cast<std::size_t>(self)].items;
  for (const int i : mine) {
    if (item(i).is_module()) {
      hash(i);
    } else {
      items[static_cast<std::size_t>(i)].hash = hash_op(at(item(i).node));
    }
  }
  const std::vector<std::uint64_t> signatures = signatures_of(mine);
  std::uint64_t h = mine.size();
  for (const std::uint64_t s : signatures) h = mix(h, s);
  items[static_cast<std::size_t>(self)].hash = h;
}

std::uint64_t Tree::loose(int i) const { return mix(item(i).hash, hash_of(without_digits(item(i).name()))); }

std::vector<std::uint64_t> Tree::signatures_of(const std::vector<int>& mine) {
  const std::uint64_t base = place_base_;
  place_base_ += mine.size();
  for (std::size_t k = 0; k < mine.size(); ++k) {
    for_each_op(mine[k], [&](int n) { place_[static_cast<std::size_t>(n)] = base + k + 1; });
  }
  std::vector<std::uint64_t> result;
  result.reserve(mine.size());
  for (std::size_t k = 0; k < mine.size(); ++k) {
    std::uint64_t h = loose(mine[k]);
    for_each_op(mine[k], [&](int n) {
      for (const Snap::Input& in : at(n).inputs) {
        if (in.node < 0) continue;
        const std::uint64_t from = place_[static_cast<std::size_t>(resolved(in).node)];
        const std::uint64_t here = base + k + 1;
        if (from <= base) {
          h = mix(h, 1);
        } else if (from < here) {
          h = mix(h, here - from < kFar ? 2 + here - from : 2);
        }
      }
    });
    result.push_back(h);
  }
  return result;
}

void Tree::find_runs(int self) {
  const std::vector<int> mine = items[static_cast<std::size_t>(self)].items;
  std::vector<std::uint64_t> signatures = signatures_of(mine);
  std::vector<std::uint64_t> alone;
  alone.reserve(mine.size());
  for (const int i : mine) alone.push_back(loose(i));
  for (std::size_t i = 0; i < mine.size();) {
    std::size_t best_period = 0, best_begin = 0, best_copies = 0;
    const std::size_t most = std::min<std::size_t>(kFar, (mine.size() - i) / 2);
    for (std::size_t p = 1; p <= most; ++p) {
      if (signatures[i] != signatures[i + p]) continue;
      std::size_t same = 0;
      while (i + p + same < mine.size() && signatures[i + same] == signatures[i + p + same]) ++same;
      if (same < p) continue;
      // The first copy reads something else than the others do.
      std::size_t begin = i;
      while (begin > done_ && i - begin < p && alone[begin - 1] == alone[begin - 1 + p]) --begin;
      const std::size_t copies = (i - begin + p + same) / p;
      if (copies * p > best_copies * best_period) {
        best_period = p;
        best_begin = begin;
        best_copies = copies;
      }
    }
    const bool has_module = best_period > 0 && item(mine[best_begin]).is_module();
    if (best_period == 0 || (best_copies < 3 && !has_module && best_period < kWorthwhile)) {
      if (item(mine[i]).is_module()) find_runs_below(mine[i]);
      ++i;
      continue;
    }
    fold(mine, best_begin, best_period, best_copies);
    for (std::size_t k = 0; k < best_period; ++k) {
      const int first = mine[best_begin + k];
      if (item(first).is_module() && !item(first).searched) find_runs_below(first);
    }
    i = best_begin + best_period * best_copies;
    done_ = i;
  }
}

void Tree::find_runs_below(int i) {
  items[static_cast<std::size_t>(i)].searched = true;
  const std::size_t done = std::exchange(done_, 0);
  find_runs(i);
  done_ = done;
}

void Tree::fold(const std::vector<int>& mine, std::size_t begin, std::size_t period, std::size_t copies) {
  const int run = static_cast<int>(runs.size());
  Run& r = runs.emplace_back();
  r.copies = static_cast<int>(copies);
  r.last = mine[begin + (copies - 1) * period];
  for (std::size_t k = 0; k < period; ++k) {
    const int original = mine[begin + k];
    r.items.push_back(original);
    std::vector<int> ops;
    for_each_op(original, [&](int n) { ops.push_back(n); });
    for (std::size_t c = 0; c < copies; ++c) {
      const int copy = mine[begin + c * period + k];
      items[static_cast<std::size_t>(copy)].run = run;
      items[static_cast<std::size_t>(copy)].copy = static_cast<int>(c);
      if (c == 0) continue;
      std::size_t next = 0;
      for_each_op(copy, [&](int n) {
        if (next < ops.size()) rep_[static_cast<std::size_t>(n)] = ops[next++];
      });
    }
  }
}

}  // namespace gradus::picture_internal
