// Note [Folding]
// Ops form a tree of modules. Inside a module its items (ops and modules below) stand in the order in which
// they ran. Each item has a signature: what it computes, and how far back in that order the items lie that it
// reads. A stretch of items whose signatures repeat is drawn once: blocks of a deep model and the steps of an
// unrolled recurrence are the same thing. A module that runs several times with other ops in between is
// several items, as one box would be before and after what lies between.
#include "gradus/graph/picture.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace gradus {
namespace {

using Snap = GraphSnapshot;
using Picture = GraphPicture;

constexpr int kNone = -1;

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

std::string_view without_digits(std::string_view s) {
  while (!s.empty() && s.back() >= '0' && s.back() <= '9') s.remove_suffix(1);
  return s;
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

// An op, or a module with its items.
struct Item {
  int node = kNone;
  int parent = kNone;
  std::string_view path;  // of the module
  std::size_t name_at = 0;
  std::vector<int> items;
  int first = 0;       // the smallest id of its ops
  int operations = 0;  // ops in it
  std::uint64_t hash = 0;
  int run = kNone;        // of repeats that it is part of
  int copy = 0;           // which of them
  bool searched = false;  // for repeats in it

  bool is_module() const { return node == kNone; }
  std::string_view name() const { return path.substr(name_at); }
};

struct Run {
  std::vector<int> items;  // of the first copy
  int copies = 0;
  int last = kNone;  // the first item of the last copy
};

// What the tree looks like with or without the ops that are views.
class Tree {
 public:
  Tree(const Snap& g, bool views, bool fold) : g_(g), alias_(g.nodes.size()), rep_(g.nodes.size()) {
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

  bool hidden(int n) const { return alias_[static_cast<std::size_t>(n)].node != n; }
  Snap::Input resolved(const Snap::Input& in) const {
    const Snap::Input& a = alias_[static_cast<std::size_t>(in.node)];
    if (a.node == in.node) return in;
    return {a.node, a.output, a.indirect || in.indirect};
  }
  // The node that is drawn for this one.
  int rep(int n) const {
    while (rep_[static_cast<std::size_t>(n)] != n) n = rep_[static_cast<std::size_t>(n)];
    return n;
  }
  // True where one lies in another copy of the same repeats than the other.
  bool between_copies(int a, int b) const {
    if (runs.empty()) return false;
    for (int i = item_of_[static_cast<std::size_t>(a)]; i != kNone; i = item(i).parent) {
      if (item(i).run == kNone) continue;
      for (int j = item_of_[static_cast<std::size_t>(b)]; j != kNone; j = item(j).parent) {
        if (item(j).run == item(i).run && item(j).copy != item(i).copy) return true;
      }
    }
    return false;
  }
  const Item& item(int i) const { return items[static_cast<std::size_t>(i)]; }
  int item_of(int node) const { return item_of_[static_cast<std::size_t>(node)]; }

  std::vector<Item> items;  // the whole model first
  std::vector<Run> runs;

 private:
  const Snap::Node& at(int i) const { return g_.nodes[static_cast<std::size_t>(i)]; }

  int new_item() {
    items.emplace_back();
    return static_cast<int>(items.size()) - 1;
  }

  // The items of a module, whose ops these are and whose path is `taken` long.
  void grow(int self, const std::vector<int>& ops, std::size_t taken) {
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

  // Splits ops where a way leads out of them and back in.
  std::vector<std::vector<int>> convex_parts(const std::vector<int>& members) {
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

  std::uint64_t hash_op(const Snap::Node& n) const {
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

  void hash(int self) {
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

  // Of the item alone, without what it reads.
  std::uint64_t loose(int i) const { return mix(item(i).hash, hash_of(without_digits(item(i).name()))); }

  template <class F>
  void for_each_op(int i, F f) const {
    if (!item(i).is_module()) return f(item(i).node);
    for (const int k : item(i).items) for_each_op(k, f);
  }

  std::vector<std::uint64_t> signatures_of(const std::vector<int>& mine) {
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

  void find_runs(int self) {
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

  void find_runs_below(int i) {
    items[static_cast<std::size_t>(i)].searched = true;
    const std::size_t done = std::exchange(done_, 0);
    find_runs(i);
    done_ = done;
  }

  void fold(const std::vector<int>& mine, std::size_t begin, std::size_t period, std::size_t copies) {
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

  static constexpr std::size_t kFar = 96;        // ops of one step of an unrolled loop, views not counted
  static constexpr std::size_t kWorthwhile = 4;  // two copies of fewer ops are clearer in full

  const Snap& g_;
  std::vector<Snap::Input> alias_;
  std::vector<int> rep_;
  std::vector<int> item_of_;
  std::vector<std::uint64_t> place_, stamp_;
  std::uint64_t place_base_ = 0, stamp_now_ = 0;
  std::size_t done_ = 0;  // items before this one are folded
};

struct Plan {
  bool views = true;
  bool fold = false;
  ParameterStyle parameters = ParameterStyle::kBoxes;
  int depth = PictureOptions::kAll;
  int parts = 0;  // items of the whole model are gathered into so many boxes; 0: as they are
};

class Drawer {
 public:
  Drawer(const Snap& g, const Tree& tree, const Plan& plan) : g_(g), tree_(tree), plan_(plan) {}

  // Without the arrows, which cost most.
  int count_boxes() {
    boxes();
    return static_cast<int>(p_.boxes.size());
  }

  Picture draw() {
    boxes();
    arrows();
    for (const Snap::Node& n : g_.nodes) p_.operations += n.is_leaf() ? 0 : 1;
    std::int64_t drawn = 0;
    for (const Picture::Box& b : p_.boxes) drawn += b.kind == Picture::Kind::kOp ? 1 : 0;
    p_.folded = drawn < p_.operations;
    p_.compact = plan_.parameters != ParameterStyle::kBoxes;
    return std::move(p_);
  }

 private:
  const Snap::Node& at(int i) const { return g_.nodes[static_cast<std::size_t>(i)]; }
  Picture::Box& box(int i) { return p_.boxes[static_cast<std::size_t>(i)]; }

  void boxes() {
    if (!p_.boxes.empty()) return;
    box_of_.assign(g_.nodes.size(), kNone);
    if (plan_.parts > 0) {
      gather();
    } else {
      walk(tree_.items[0], kNone, 0);
    }
    leaves();
    totals();
  }

  int new_box(Picture::Kind kind, int frame, std::int64_t repeats) {
    Picture::Box& b = p_.boxes.emplace_back();
    b.kind = kind;
    b.frame = frame;
    b.repeats = repeats;
    return static_cast<int>(p_.boxes.size()) - 1;
  }

  void walk(const Item& module, int frame, int depth) {
    int open_run = kNone;
    int run_frame = kNone;
    for (const int i : module.items) {
      const Item& item = tree_.item(i);
      if (item.copy > 0) continue;
      int in = frame;
      std::int64_t times = 1;
      if (item.run != kNone) {
        const Run& run = tree_.runs[static_cast<std::size_t>(item.run)];
        times = run.copies;
        if (run.items.size() > 1) {
          if (open_run != item.run) {
            open_run = item.run;
            run_frame = static_cast<int>(p_.frames.size());
            p_.frames.push_back({frame, run_title(run), "", run.copies});
          }
          in = run_frame;
        }
      }
      const bool framed = in != frame;  // the frame says how often
      const std::int64_t own = framed ? 1 : times;
      if (!item.is_module()) {
        op(item.node, in, own, {});
      } else if (item.operations == 1) {
        op(only_op(item), in, own, title_of(item));
      } else if (depth >= plan_.depth) {
        const int b = new_box(Picture::Kind::kModule, in, own);
        box(b).title = title_of(item);
        box(b).module = item.path;
        mark(item, b);
      } else {
        p_.frames.push_back({in, title_of(item), std::string(item.path), own});
        walk(item, static_cast<int>(p_.frames.size()) - 1, depth + 1);
      }
    }
  }

  int only_op(const Item& item) const {
    const Item* i = &item;
    while (i->is_module()) i = &tree_.item(i->items[0]);
    return i->node;
  }

  void mark(const Item& item, int b) {
    if (!item.is_module()) {
      box_of_[static_cast<std::size_t>(item.node)] = b;
      return;
    }
    for (const int i : item.items) mark(tree_.item(i), b);
  }

  void op(int node, int frame, std::int64_t repeats, std::string module) {
    const int b = new_box(Picture::Kind::kOp, frame, repeats);
    box(b).node = node;
    box(b).title = at(node).op;
    box(b).module = std::move(module);
    box_of_[static_cast<std::size_t>(node)] = b;
  }

  // "layers.0-11"
  std::string title_of(const Item& item) const {
    std::string name(item.name());
    if (item.run == kNone) return name;
    const Run& run = tree_.runs[static_cast<std::size_t>(item.run)];
    if (run.items.size() != 1) return name;
    const std::string_view last = tree_.item(run.last).name();
    if (last == name) return name;
    return name + "\u2013" + std::string(last.substr(without_digits(last).size()));
  }

  std::string run_title(const Run& run) const {
    const Item& first = tree_.item(run.items[0]);
    if (!first.is_module()) return "";
    std::string text(first.name());
    const std::string_view last = tree_.item(run.last).name();
    if (last != text) text += " \u2026 " + std::string(last);
    return text;
  }

  // Neighbours in the order of execution in one box: no two of them can read each other.
  void gather() {
    std::vector<const Item*> shown;
    for (const int i : tree_.items[0].items) {
      if (tree_.item(i).copy == 0) shown.push_back(&tree_.item(i));
    }
    const auto parts = static_cast<std::size_t>(plan_.parts);
    for (std::size_t k = 0; k < parts; ++k) {
      const std::size_t begin = shown.size() * k / parts, end = shown.size() * (k + 1) / parts;
      if (begin == end) continue;
      const int b = new_box(Picture::Kind::kModule, kNone, 1);
      std::map<std::string_view, std::int64_t> words;
      for (std::size_t i = begin; i < end; ++i) {
        mark(*shown[i], b);
        ++words[shown[i]->is_module() ? shown[i]->name() : std::string_view(at(shown[i]->node).op)];
      }
      std::vector<std::pair<std::int64_t, std::string_view>> most;
      most.reserve(words.size());
      for (const auto& [word, n] : words) most.emplace_back(-n, word);
      std::sort(most.begin(), most.end());
      for (std::size_t i = 0; i < std::min<std::size_t>(3, most.size()); ++i) {
        if (i > 0) box(b).title += ", ";
        if (most[i].first < -1) box(b).title += std::to_string(-most[i].first) + " \u00D7 ";
        box(b).title += most[i].second;
      }
      if (most.size() > 3) box(b).title += ", \u2026";
    }
  }

  // Buffers have the names of their modules.
  bool is_state(const Snap::Node& n) const {
    return n.kind == Snap::Kind::kParameter ||
           (n.kind == Snap::Kind::kInput && n.name().find('.') != std::string::npos);
  }

  void leaves() {
    std::vector<std::vector<int>> readers(g_.nodes.size());
    for (int i = 0; i < static_cast<int>(g_.nodes.size()); ++i) {
      if (at(i).is_leaf()) {
        if (at(i).is_root) readers[static_cast<std::size_t>(i)].push_back(kNone);
        continue;
      }
      if (tree_.hidden(i) || tree_.rep(i) != i) continue;
      const int b = box_of_[static_cast<std::size_t>(i)];
      if (b == kNone) continue;
      for (const Snap::Input& in : at(i).inputs) {
        if (in.node < 0) continue;
        const int from = tree_.resolved(in).node;
        if (at(from).is_leaf()) readers[static_cast<std::size_t>(from)].push_back(b);
      }
    }
    for (int i = 0; i < static_cast<int>(g_.nodes.size()); ++i) {
      std::vector<int>& read_by = readers[static_cast<std::size_t>(i)];
      if (read_by.empty()) continue;
      std::sort(read_by.begin(), read_by.end());
      read_by.erase(std::unique(read_by.begin(), read_by.end()), read_by.end());
      const Snap::Node& n = at(i);
      const bool state = is_state(n);
      if (n.is_root) {
        // It is what was asked for.
      } else if (n.kind == Snap::Kind::kConstant || (state && plan_.parameters != ParameterStyle::kBoxes)) {
        if (state && plan_.parameters == ParameterStyle::kNone) continue;
        for (const int b : read_by) {
          if (box(b).kind != Picture::Kind::kOp) continue;
          (n.kind == Snap::Kind::kConstant ? box(b).constants : box(b).parameters).push_back(i);
        }
        continue;
      }
      int frame = kNone;
      if (state && read_by[0] != kNone) {
        frame = box(read_by[0]).frame;
        for (const int b : read_by) {
          if (box(b).frame != frame) frame = kNone;
        }
      }
      const int b = new_box(
          n.kind == Snap::Kind::kParameter ? Picture::Kind::kParameter : Picture::Kind::kInput, frame, 1);
      box(b).node = i;
      box(b).is_root = n.is_root;
      box_of_[static_cast<std::size_t>(i)] = b;
    }
  }

  void totals() {
    std::vector<int> owner(g_.nodes.size(), kNone);  // parameters count once in a box
    for (int i = 0; i < static_cast<int>(g_.nodes.size()); ++i) {
      const Snap::Node& n = at(i);
      if (n.is_leaf() || tree_.hidden(i)) continue;
      const int b = box_of_[static_cast<std::size_t>(tree_.rep(i))];
      if (b == kNone) continue;
      Picture::Box& to = box(b);
      ++to.operations;
      to.saved_bytes += n.saved_bytes;
      to.flops += n.flops;
      to.nanoseconds += n.forward_ns.value_or(0) + n.backward_ns.value_or(0);
      to.is_root |= n.is_root;
      to.released |= n.released;
      to.is_backward |= n.pass == Snap::Pass::kBackward;
      for (const Snap::Input& in : n.inputs) {
        if (in.node < 0) continue;
        const int leaf = tree_.resolved(in).node;
        int& before = owner[static_cast<std::size_t>(leaf)];
        if (at(leaf).kind != Snap::Kind::kParameter || before == b) continue;
        before = b;
        to.parameter_elements += at(leaf).outputs[0].shape.numel();
      }
    }
  }

  void arrows() {
    std::unordered_map<std::uint64_t, std::size_t> known;
    for (int i = 0; i < static_cast<int>(g_.nodes.size()); ++i) {
      const Snap::Node& n = at(i);
      if (n.is_leaf() || tree_.hidden(i)) continue;
      const int shown = tree_.rep(i);
      const int to = box_of_[static_cast<std::size_t>(shown)];
      if (to == kNone) continue;
      for (std::size_t k = 0; k < n.inputs.size(); ++k) {
        const Snap::Input& in = n.inputs[k];
        if (in.node < 0) continue;
        const Snap::Input source = tree_.resolved(in);
        // Leaves have no copies: those that the other copies read are like those of the first.
        if (at(source.node).is_leaf() && shown != i) continue;
        const int from = box_of_[static_cast<std::size_t>(tree_.rep(source.node))];
        if (from == kNone || from == to || tree_.between_copies(source.node, i)) continue;
        const std::uint64_t key = (static_cast<std::uint64_t>(from) << 32) | static_cast<std::uint32_t>(to);
        const auto [it, is_new] = known.emplace(key, p_.arrows.size());
        const Snap::Value& value = g_.value(in);
        if (is_new) {
          Picture::Arrow& a = p_.arrows.emplace_back();
          a.from = from;
          a.to = to;
          a.input = static_cast<int>(k);
          a.indirect = source.indirect || in.indirect;
          a.values.push_back(value);
          continue;
        }
        Picture::Arrow& a = p_.arrows[it->second];
        if (shown != i) continue;
        ++a.tensors;
        if (std::none_of(a.values.begin(), a.values.end(), [&](const Snap::Value& v) {
              return v.shape == value.shape && v.dtype == value.dtype;
            })) {
          a.values.push_back(value);
        }
      }
    }
  }

  const Snap& g_;
  const Tree& tree_;
  const Plan& plan_;
  Picture p_;
  std::vector<int> box_of_;
};

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
  for (const Snap::Node& n : graph.nodes) {
    if (!n.is_leaf()) has[n.pass == Snap::Pass::kBackward ? 1 : 0] = true;
  }
  if (!has[0] || !has[1]) return std::nullopt;
  std::optional<GraphSnapshot> copy = graph;
  for (Snap::Node& n : copy->nodes) {
    if (n.is_leaf()) continue;
    const char* pass = n.pass == Snap::Pass::kBackward ? "backward" : "forward";
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
