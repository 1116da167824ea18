#include "gradus/graph/picture_drawer.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace gradus::picture_internal {

Picture Drawer::draw() {
  boxes();
  arrows();
  for (const Snap::Node& n : g_.nodes) p_.operations += n.is_leaf() ? 0 : 1;
  std::int64_t drawn = 0;
  for (const Picture::Box& b : p_.boxes) drawn += b.kind == Picture::Kind::kOp ? 1 : 0;
  p_.folded = drawn < p_.operations;
  p_.compact = plan_.parameters != ParameterStyle::kBoxes;
  return std::move(p_);
}

void Drawer::boxes() {
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

int Drawer::new_box(Picture::Kind kind, int frame, std::int64_t repeats) {
  Picture::Box& b = p_.boxes.emplace_back();
  b.kind = kind;
  b.frame = frame;
  b.repeats = repeats;
  return static_cast<int>(p_.boxes.size()) - 1;
}

void Drawer::walk(const Item& module, int frame, int depth) {
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

int Drawer::only_op(const Item& item) const {
  const Item* i = &item;
  while (i->is_module()) i = &tree_.item(i->items[0]);
  return i->node;
}

void Drawer::mark(const Item& item, int b) {
  if (!item.is_module()) {
    box_of_[static_cast<std::size_t>(item.node)] = b;
    return;
  }
  for (const int i : item.items) mark(tree_.item(i), b);
}

void Drawer::op(int node, int frame, std::int64_t repeats, std::string module) {
  const int b = new_box(Picture::Kind::kOp, frame, repeats);
  box(b).node = node;
  box(b).title = at(node).op;
  box(b).module = std::move(module);
  box_of_[static_cast<std::size_t>(node)] = b;
}

std::string Drawer::title_of(const Item& item) const {
  std::string name(item.name());
  if (item.run == kNone) return name;
  const Run& run = tree_.runs[static_cast<std::size_t>(item.run)];
  if (run.items.size() != 1) return name;
  const std::string_view last = tree_.item(run.last).name();
  if (last == name) return name;
  return name + "\u2013" + std::string(last.substr(without_digits(last).size()));
}

std::string Drawer::run_title(const Run& run) const {
  const Item& first = tree_.item(run.items[0]);
  if (!first.is_module()) return "";
  std::string text(first.name());
  const std::string_view last = tree_.item(run.last).name();
  if (last != text) text += " \u2026 " + std::string(last);
  return text;
}

void Drawer::gather() {
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

void Drawer::leaves() {
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

void Drawer::totals() {
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

void Drawer::arrows() {
  std::unordered_map<std::uint64_t, std::size_t> known;
  known.reserve(p_.boxes.size());
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

}  // namespace gradus::picture_internal
