// The ops of a graph as a tree of modules, in which repeats are found: what a picture folds.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gradus/graph/snapshot.h"

namespace gradus::picture_internal {

using Snap = GraphSnapshot;

constexpr int kNone = -1;

// "layers." of "layers.12".
std::string_view without_digits(std::string_view s);

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
  Tree(const Snap& g, bool views, bool fold);

  bool hidden(int n) const { return alias_[static_cast<std::size_t>(n)].node != n; }
  // What is drawn in place of this input: past hidden views.
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
  bool between_copies(int a, int b) const;
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
  void grow(int self, const std::vector<int>& ops, std::size_t taken);

  // Splits ops where a way leads out of them and back in.
  std::vector<std::vector<int>> convex_parts(const std::vector<int>& members);
  std::uint64_t hash_op(const Snap::Node& n) const;
  void hash(int self);

  // Of the item alone, without what it reads.
  std::uint64_t loose(int i) const;

  template <class F>
  void for_each_op(int i, F f) const {
    if (!item(i).is_module()) return f(item(i).node);
    for (const int k : item(i).items) for_each_op(k, f);
  }
  std::vector<std::uint64_t> signatures_of(const std::vector<int>& mine);
  void find_runs(int self);
  void find_runs_below(int i);
  void fold(const std::vector<int>& mine, std::size_t begin, std::size_t period, std::size_t copies);

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

}  // namespace gradus::picture_internal
