// Arrays out of several, and repetitions.
#include <algorithm>

#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

void concat(Emit& e) { e.set(e.op("Concat", e.all_inputs(), {whole("axis", e.axis("dim"))})); }

void stack(Emit& e) {
  const std::int64_t axis = Emit::positive(e.whole("dim"), e.rank() + 1);
  std::vector<Id> parts;
  for (const Id x : e.all_inputs()) parts.push_back(e.op("Unsqueeze", {x, e.wholes({axis})}));
  e.set(e.op("Concat", parts, {whole("axis", axis)}));
}

void repeat(Emit& e) {
  const List repeats = e.list("repeats");
  Id x = e.in(0);
  const auto added = static_cast<std::size_t>(repeats.size()) - static_cast<std::size_t>(e.rank());
  if (added > 0) {
    List shape(added, 1);
    for (const std::int64_t d : e.shape()) shape.push_back(d);
    x = e.reshape(x, shape);
  }
  e.set(repeats.empty() ? e.op("Identity", {x}) : e.op("Tile", {x, e.wholes(repeats)}));
}

// From the other end: an operator of later sets, so the parts side by side.
Id circular(Emit& e, Id x, const List& before, const List& after) {
  for (int a = 0; a < e.rank(); ++a) {
    const std::int64_t n = e.size(a), front = before[static_cast<std::size_t>(a)],
                       back = after[static_cast<std::size_t>(a)];
    if (front == 0 && back == 0) continue;
    std::vector<Id> parts;
    if (front > 0) parts.push_back(e.slice(x, a, n - front, n));
    parts.push_back(e.slice(x, a, std::max<std::int64_t>(-front, 0), n + std::min<std::int64_t>(back, 0)));
    if (back > 0) parts.push_back(e.slice(x, a, 0, back));
    x = e.op("Concat", parts, {whole("axis", a)});
  }
  return e.op("Identity", {x});
}

void pad(Emit& e) {
  const std::string_view mode = e.text("mode");
  List before = e.list("before"), after = e.list("after");
  Id x = e.in(0);
  if (before.empty()) return e.set(e.op("Identity", {x}));
  if (mode == "circular") return e.set(circular(e, x, before, after));
  // Places that are taken away go first, so that only numbers from 0 on are left; what is repeated is read
  // before.
  if (mode == "constant") {
    for (int a = 0; a < e.rank(); ++a) {
      std::int64_t& front = before[static_cast<std::size_t>(a)];
      std::int64_t& back = after[static_cast<std::size_t>(a)];
      if (front >= 0 && back >= 0) continue;
      const std::int64_t n = e.size(a);
      // Both ends may take away more than there is, from what the other adds.
      const std::int64_t start = std::clamp<std::int64_t>(-front, 0, n);
      const std::int64_t end = std::clamp<std::int64_t>(n + back, 0, n);
      if (start > end) e.refuse("its paddings {} and {} of axis {} overlap", front, back, a);
      x = e.slice(x, a, start, end);
      front = std::max<std::int64_t>(front, 0);
      back = std::max<std::int64_t>(back, 0);
    }
  } else if (*std::min_element(before.begin(), before.end()) < 0 ||
             *std::min_element(after.begin(), after.end()) < 0) {
    // Padded first by what is added, then cut.
    List none(before.size(), 0), front = before, back = after;
    for (auto* l : {&front, &back}) {
      for (std::int64_t& v : *l) v = std::max<std::int64_t>(v, 0);
    }
    List all = front;
    all.insert(all.end(), back.begin(), back.end());
    x = e.op("Pad", {x, e.wholes(all)}, {text("mode", mode == "reflect" ? "reflect" : "edge")});
    for (int a = 0; a < e.rank(); ++a) {
      const auto k = static_cast<std::size_t>(a);
      const std::int64_t n = e.size(a) + front[k] + back[k];
      if (before[k] >= 0 && after[k] >= 0) continue;
      x = e.slice(x, a, std::max<std::int64_t>(-before[k], 0), n + std::min<std::int64_t>(after[k], 0));
    }
    return e.set(x);
  }
  List all = before;
  all.insert(all.end(), after.begin(), after.end());
  if (mode == "constant") {
    return e.set(e.op("Pad", {x, e.wholes(all), e.number(e.real("value"), e.out_dtype())}));
  }
  e.set(e.op("Pad", {x, e.wholes(all)}, {text("mode", mode == "reflect" ? "reflect" : "edge")}));
}

constexpr OpWriter kWriters[] = {
    {"concat", concat, true},
    {"pad", pad, true},
    {"repeat", repeat, true},
    {"stack", stack, true},
};

}  // namespace

std::span<const OpWriter> join_writers() { return kWriters; }

}  // namespace gradus::onnx
