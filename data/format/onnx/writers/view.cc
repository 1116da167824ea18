// Other shapes, other orders, parts and repetitions. Sizes are those of the trace. A table of places (Gather)
// stands for what has no operator of its own.
#include <climits>

#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

List sizes(const Shape& s) { return {s.begin(), s.end()}; }

void same(Emit& e) { e.set(e.op("Identity", {e.in(0)})); }
void reshape(Emit& e) { e.set(e.reshape(e.in(0), sizes(e.out_shape()))); }
void expand(Emit& e) { e.set(e.op("Expand", {e.in(0), e.wholes(sizes(e.out_shape()))})); }

void permute(Emit& e) {
  List order = e.list("dims");
  for (std::int64_t& a : order) a = Emit::positive(a, e.rank());
  e.set(e.rank() == 0 ? e.op("Identity", {e.in(0)}) : e.transpose(e.in(0), order));
}

void transpose(Emit& e) {
  List order = iota(e.rank());
  std::swap(order[static_cast<std::size_t>(e.axis("dim0"))], order[static_cast<std::size_t>(e.axis("dim1"))]);
  e.set(e.transpose(e.in(0), order));
}

void squeeze(Emit& e) {
  List axes = e.list("dims");
  for (std::int64_t& a : axes) a = Emit::positive(a, e.rank());
  if (axes.empty()) {
    for (int a = 0; a < e.rank(); ++a) {
      if (e.size(a) == 1) axes.push_back(a);
    }
  }
  e.set(axes.empty() ? e.op("Identity", {e.in(0)}) : e.op("Squeeze", {e.in(0), e.wholes(axes)}));
}

void unsqueeze(Emit& e) {
  e.set(e.op("Unsqueeze", {e.in(0), e.wholes({Emit::positive(e.whole("dim"), e.rank() + 1)})}));
}

void select(Emit& e) {
  const std::int64_t axis = e.axis("dim"), index = e.whole("index");
  e.set(e.op("Gather", {e.in(0), e.index(index < 0 ? index + e.size(static_cast<int>(axis)) : index)},
             {whole("axis", axis)}));
}

void slice(Emit& e) {
  const std::int64_t axis = e.axis("dim"), size = e.size(static_cast<int>(axis));
  const auto bound = [size](std::int64_t i) {
    const std::int64_t from_start = i < 0 ? i + size : i;
    return from_start < 0 ? 0 : from_start > size ? size : from_start;
  };
  const std::int64_t start = bound(e.whole("start")), end = bound(e.whole("end"));
  e.set(e.slice(e.in(0), axis, start, end < start ? start : end, e.whole("step")));
}

void flip(Emit& e) {
  Id x = e.in(0);
  const List axes = e.list("dims");
  for (const std::int64_t a : axes) {
    const std::int64_t axis = Emit::positive(a, e.rank());
    if (e.size(static_cast<int>(axis)) > 1) x = e.slice(x, axis, -1, LLONG_MIN, -1);
  }
  e.set(e.op("Identity", {x}));
}

void roll(Emit& e) {
  const List shifts = e.list("shifts"), dims = e.list("dims");
  Id x = e.in(0);
  for (std::size_t k = 0; k < dims.size(); ++k) {
    const std::int64_t axis = Emit::positive(dims[k], e.rank()), n = e.size(static_cast<int>(axis));
    const std::int64_t by = n == 0 ? 0 : ((shifts[k] % n) + n) % n;
    if (by == 0) continue;
    x = e.op("Concat", {e.slice(x, axis, n - by, n), e.slice(x, axis, 0, n - by)}, {whole("axis", axis)});
  }
  e.set(e.op("Identity", {x}));
}

// The axes but two, then these two.
List two_last(int rank, std::int64_t a, std::int64_t b) {
  List order;
  for (int i = 0; i < rank; ++i) {
    if (i != a && i != b) order.push_back(i);
  }
  order.push_back(a);
  order.push_back(b);
  return order;
}

void diagonal(Emit& e) {
  const int rank = e.rank();
  const std::int64_t a = e.axis("dim1"), b = e.axis("dim2"), offset = e.whole("offset");
  const std::int64_t cols = e.size(static_cast<int>(b));
  Id x = e.transpose(e.in(0), two_last(rank, a, b));
  List shape = sizes(e.out_shape());
  const std::int64_t length = shape.back();
  shape.back() = e.size(static_cast<int>(a)) * cols;
  x = e.reshape(x, shape);
  List places;
  for (std::int64_t i = 0; i < length; ++i) {
    places.push_back(offset >= 0 ? i * cols + i + offset : (i - offset) * cols + i);
  }
  e.set(e.gather(x, rank - 2, tensor_of(places, {length})));
}

void diag_embed(Emit& e) {
  const int rank = e.rank() + 1;
  const std::int64_t n = e.size(e.rank() - 1), offset = e.whole("offset");
  const std::int64_t a = Emit::positive(e.whole("dim1"), rank), b = Emit::positive(e.whole("dim2"), rank);
  const std::int64_t size = e.out_shape()[static_cast<int>(a)];
  // A zero behind the elements, for the places beside the diagonal.
  List zero = sizes(e.shape());
  zero.back() = 1;
  const Id nothing = e.op("Expand", {e.number(0, e.out_dtype()), e.wholes(zero)});
  const Id x = e.op("Concat", {e.in(0), nothing}, {whole("axis", rank - 2)});
  List places;
  for (std::int64_t r = 0; r < size; ++r) {
    for (std::int64_t c = 0; c < size; ++c) {
      const std::int64_t i = offset >= 0 ? r : c;
      places.push_back(c - r == offset && i < n ? i : n);
    }
  }
  const Id y = e.gather(x, rank - 2, tensor_of(places, {size, size}));
  const List order = two_last(rank, a, b);
  List back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  }
  e.set(e.transpose(y, back));
}

void unfold(Emit& e) {
  const std::int64_t axis = e.axis("dim"), size = e.whole("size"), step = e.whole("step");
  if (e.rank() == 0) e.refuse("it unfolds a scalar");
  const std::int64_t windows = e.out_shape()[static_cast<int>(axis)];
  List places;
  for (std::int64_t w = 0; w < windows; ++w) {
    for (std::int64_t k = 0; k < size; ++k) places.push_back(w * step + k);
  }
  const Id x = e.gather(e.in(0), axis, tensor_of(places, {windows, size}));
  e.set(e.axis_last(x, axis + 1, e.rank() + 1));
}

constexpr OpWriter kWriters[] = {
    {"clone", same, true},          {"contiguous", same, true}, {"diag_embed", diag_embed, true},
    {"diagonal", diagonal, true},   {"expand", expand, true},   {"flip", flip, true},
    {"permute", permute, true},     {"reshape", reshape, true}, {"roll", roll, true},
    {"select", select, true},       {"slice", slice, true},     {"squeeze", squeeze, true},
    {"transpose", transpose, true}, {"unfold", unfold, true},   {"unsqueeze", unsqueeze, true},
};

}  // namespace

std::span<const OpWriter> view_writers() { return kWriters; }

}  // namespace gradus::onnx
